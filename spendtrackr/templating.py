"""Django's templates, which print amounts and periods as the page's reader writes them.

Templates get plain data and can store nothing, so this is the one place where a text may depend on who looks at it by itself.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.template.backends.django import DjangoTemplates, Template

from spendtrackr import locales


class Written(Template):
    def render(self, context: dict[str, Any] | None = None, request: HttpRequest | None = None) -> Any:
        with locales.rendering():
            return super().render(context, request)


class WrittenTemplates(DjangoTemplates):
    def from_string(self, template_code: str) -> Written:
        return Written(super().from_string(template_code).template, self)

    def get_template(self, template_name: str) -> Written:
        return Written(super().get_template(template_name).template, self)
