"""The WSGI entry point: `gunicorn spendtrackr.wsgi`."""

from __future__ import annotations

import gc
import os
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spendtrackr.settings")
application = get_wsgi_application()
# Every view is imported before the first request comes, so that it is answered as fast as the next one.
import_module(settings.ROOT_URLCONF)
# What is loaded by now stays: the collector need not walk through it while somebody waits.
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 20, 50)
