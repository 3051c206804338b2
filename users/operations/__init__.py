"""What people do, by what it is about. Callers use the names of this module: `operations.sign_up`, `operations.invite`."""

from __future__ import annotations

from users.operations.access import (
    SignedIn,
    WrongCredentials,
    check_password,
    end_session,
    end_sessions_of,
    hash_password,
    refresh,
    sign_in,
)
from users.operations.people import (
    INVITATION_LIFETIME,
    EmailTaken,
    InvitationDead,
    SignUp,
    accept,
    change_member,
    create_operator,
    invite,
    open_invitation,
    set_status,
    sign_up,
)

__all__ = [
    "INVITATION_LIFETIME",
    "EmailTaken",
    "InvitationDead",
    "SignUp",
    "SignedIn",
    "WrongCredentials",
    "accept",
    "change_member",
    "check_password",
    "create_operator",
    "end_session",
    "end_sessions_of",
    "hash_password",
    "invite",
    "open_invitation",
    "refresh",
    "set_status",
    "sign_in",
    "sign_up",
]
