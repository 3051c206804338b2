"""Every address of the product."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

import cards.urls
import companies.urls
import reports.urls
import transactions.urls
import users.urls
from spendtrackr import views

api = [
    *companies.urls.api,
    *users.urls.api,
    *cards.urls.api,
    *transactions.urls.api,
    *reports.urls.api,
]

urlpatterns = [
    path("api/v1/", include(api)),
    path("", include([*users.urls.pages, *cards.urls.pages, *transactions.urls.pages, *reports.urls.pages])),
    path("operators/", admin.site.urls),
    path("health/", views.health, name="health"),
]

handler400 = views.bad_request
handler403 = views.forbidden
handler404 = views.not_found
handler500 = views.server_error
