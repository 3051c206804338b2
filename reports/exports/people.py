"""The people of a company."""

from __future__ import annotations

from reports.exports.columns import instant, text
from reports.exports.sheets import Listing
from users.filters import MemberFilter
from users.models import Membership

MEMBERS = Listing(
    name="members",
    title="People",
    rule="people.see",
    columns=(
        text("id", "public_id", width=32),
        text("name", "user__name", width=22),
        text("e-mail", "user__email", width=28),
        text("role", "role", width=10),
        text("status", "status", width=12),
        text("manager", "manager__user__name", width=22),
        text("manager id", "manager__public_id", width=32),
        text("department", "department__name", width=20),
        instant("joined at (UTC)", "joined_at"),
        instant("signed in at (UTC)", "last_signed_in_at"),
    ),
    rows=lambda member: Membership.objects.visible_to(member).with_names(),
    filterset=MemberFilter,
)
