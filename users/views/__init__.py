"""The pages of people: signing in, their account, the people of a company."""

from __future__ import annotations

from users.views.session import form_page, page, sign_in, sign_out

__all__ = ["form_page", "page", "sign_in", "sign_out"]
