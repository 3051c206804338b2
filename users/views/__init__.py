"""The pages of people: coming in, their account, the people of a company."""

from __future__ import annotations

from users.views.account import account, resend_confirmation, revoke_other_sessions, revoke_session, switch_company
from users.views.imports import import_people
from users.views.joining import accept_invitation, confirm_address, forgot_password, new_company, reset_password, sign_up
from users.views.keys import api_key, api_keys
from users.views.notifications import notifications, open_notification, preferences, read_notifications
from users.views.session import action, form_page, page, sign_in, sign_out

__all__ = [
    "accept_invitation",
    "account",
    "action",
    "api_key",
    "api_keys",
    "confirm_address",
    "forgot_password",
    "form_page",
    "import_people",
    "new_company",
    "notifications",
    "open_notification",
    "page",
    "preferences",
    "read_notifications",
    "resend_confirmation",
    "reset_password",
    "revoke_other_sessions",
    "revoke_session",
    "sign_in",
    "sign_out",
    "sign_up",
    "switch_company",
]
