"""The pages of the contract."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from csp.constants import SELF, UNSAFE_INLINE
from csp.decorators import csp_update
from django.conf import settings
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from spendtrackr.permissions import HasMembership
from spendtrackr.schema import KeptContract
from users.authentication import TokenAuthentication


class SchemaView(SpectacularAPIView):
    """The contract itself: open in the demo, for members elsewhere."""

    authentication_classes = [TokenAuthentication]
    permission_classes = [HasMembership]
    generator_class = KeptContract

    @extend_schema(summary="The contract", tags=["contract"], responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]

    def get_permissions(self) -> list[Any]:
        return [] if settings.DOCS_OPEN else list(super().get_permissions())


# Swagger UI sets style attributes. It shows nothing but the contract, so styles alone are let through, on this page alone.
@method_decorator(csp_update({"style-src": [SELF, UNSAFE_INLINE]}), name="dispatch")
@extend_schema(exclude=True)
class DocsView(SpectacularSwaggerSplitView):
    """The contract to browse, from our own origin."""

    url_name = "schema"
    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []

    def get(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        if not settings.DOCS_OPEN and getattr(request._request, "membership", None) is None:
            return redirect(f"{reverse('sign-in')}?{urlencode({'next': request.path})}")
        return super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
