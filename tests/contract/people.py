"""Who asks: one credential for a whole run, and one to throw away for whatever would end it."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from conftest import build_world
from spendtrackr.tenancy import company_scope
from tests.factories import NOON, PASSWORD
from tests.filling import come
from users import operations as people
from users import tokens
from users.models import Membership, Session, SessionKind
from users.roles import SCOPES


def settle() -> dict[str, str]:
    """Fill the database that is there: the member behind each role, by id. Alice owns Acme, Bob works there."""
    world = build_world()
    for number in range(4):
        come(world, number)
    with company_scope(world.acme.pk):
        fay = world.hire("Fay", "finance")
        key, _ = people.create_key(name="Contract", scopes=sorted(SCOPES), actor=world.alice, at=NOON)
        return {
            "owner": world.alice.public_id,
            "finance": fay.public_id,
            "employee": world.bob.public_id,
            "key": key.integration.membership.public_id,
        }


def member_of(public_id: str) -> Membership:
    return Membership.across_companies.select_related("user", "company").get(public_id=public_id)


class Lasting:
    """A session, of which there is an access token for as long as a run takes, or the key of a program."""

    def __init__(self, member: Membership) -> None:
        now = timezone.now()
        with company_scope(member.company_id):
            if member.is_program:
                owner = Membership.objects.filter(role="owner").earliest("pk")
                key, self.secret = people.rotate_key(member.integration.keys.latest("pk"), actor=owner, at=now)
                self.public_id, self.session = key.public_id, None
                return
            until = now + timedelta(days=1)
            self.session = Session.objects.create(membership=member, kind=SessionKind.API, created_at=now, expires_at=until)
            self.public_id = self.session.public_id

    def token(self) -> str:
        return tokens.access_token(self.session, at=timezone.now()) if self.session else self.secret


def throw_away(member: Membership) -> str:
    """Of somebody of the same role whom nobody else is: what they do to their own sign-in ends nothing of the run's."""
    with company_scope(member.company_id):
        owner = Membership.objects.filter(role="owner").earliest("pk")
        name = f"spare-{timezone.now():%d%H%M%S%f}"
        _, token = people.invite(email=f"{name}@acme.example", role=member.role, actor=owner, at=timezone.now())
        spare = people.accept(token, name=name, password=PASSWORD, at=timezone.now()).member
    return Lasting(spare).token()
