"""Who belongs to a company: founding one, inviting, joining, roles, managers, status. No user exists without passing through here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q

from companies import operations as companies
from companies.models import Company, Department
from spendtrackr import errors, events
from spendtrackr.retry import operation
from spendtrackr.tenancy import company_scope
from users import permissions, queries, tokens
from users.models import ApiKey, Invitation, LinkPurpose, Membership, MembershipStatus, Session, SessionKind, User, email_key
from users.operations.access import (
    SignedIn,
    check_password,
    end_sessions_of,
    hash_password,
    lock_asking,
    lock_person,
    open_session,
)
from users.operations.departments import must_be_in_use
from users.operations.following import people_moved
from users.operations.links import confirm, write_link
from users.roles import Role

INVITATION_LIFETIME = timedelta(days=14)
# Twenty to thirty levels of managers, whatever the size of the ids.
LONGEST_CHAIN = 255


class EmailTaken(errors.DomainError):
    status, code = 409, "email_taken"
    message = "This address has an account already. Sign in instead."


class InvitationDead(errors.Invalid):
    code = "invitation_not_valid"
    message = "This invitation is unknown, used, revoked or expired. Ask for a new one."


@dataclass(frozen=True, slots=True)
class SignUp:
    """What somebody fills in to bring their company."""

    company_name: str
    country: str
    currency: str
    time_zone: str
    name: str
    email: str
    password: str


def sign_up(form: SignUp, *, at: datetime, kind: SessionKind = SessionKind.API, client: str = "") -> SignedIn:
    """A company and its owner, both or neither. Raises `Invalid`, or `EmailTaken` (409)."""
    _must_be_open()
    hashed = hash_password(form.password, email=form.email, name=form.name)
    return _sign_up(form, hashed, at=at, kind=kind, client=client)


def _must_be_open() -> None:
    if not settings.SIGNUP_OPEN:
        raise errors.Forbidden("Sign-up is closed on this installation.", code="signup_closed")


@operation
def _sign_up(form: SignUp, hashed: str, *, at: datetime, kind: SessionKind, client: str) -> SignedIn:
    user = _create_user(form.email, form.name, hashed, at=at)
    company = companies.found(name=form.company_name, country=form.country, currency=form.currency, time_zone=form.time_zone, at=at)
    with company_scope(company.pk):
        member = _join(company, user, Role.OWNER, at=at)
        return open_session(member, at=at, kind=kind, client=client)


@operation
def found_company(user: User, *, company_name: str, country: str, currency: str, time_zone: str, at: datetime) -> Membership:
    """Another company of somebody who has an account; they own it. No session changes company by it."""
    _must_be_open()
    if lock_person(user).is_staff:
        raise errors.Forbidden("Platform operators belong to no company.")
    company = companies.found(name=company_name, country=country, currency=currency, time_zone=time_zone, at=at)
    with company_scope(company.pk):
        return _join(company, user, Role.OWNER, at=at)


def _email_key(email: str) -> str:
    """The address as it is compared. Normalising may lengthen it beyond what we keep."""
    key = email_key(email)
    if not 3 <= len(key) <= 254:
        raise errors.Invalid("This is not an e-mail address that we can keep.", field="email")
    return key


def _create_user(email: str, name: str, hashed: str, *, at: datetime, is_staff: bool = False, is_proven: bool = False) -> User:
    """A new person. Where addresses are confirmed and nothing has proven this one, a link goes out with it."""
    user = User(email=email.strip(), email_key=_email_key(email), name=name.strip(), joined_at=at, password=hashed, is_staff=is_staff)
    user.confirmed_at = at if is_proven or is_staff or not settings.CONFIRM_ADDRESSES else None
    if User.objects.filter(email_key=user.email_key).exists():
        raise EmailTaken(field="email")
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError as error:  # somebody else, a moment ago
        raise EmailTaken(field="email") from error
    if user.confirmed_at is None:
        write_link(user, LinkPurpose.CONFIRM, at=at)
    return user


def _join(
    company: Company,
    user: User,
    role: str,
    *,
    at: datetime,
    manager: Membership | None = None,
    department: Department | None = None,
) -> Membership:
    member = Membership.objects.create(company=company, user=user, role=role, manager=manager, department=department, joined_at=at)
    member.chain = f"{manager.chain if manager else ''}{member.pk}."
    member.save(update_fields=["chain"])
    events.record("member.joined", member, actor=member, at=at, role=role)
    people_moved(at=at)
    return member


@operation
def create_operator(*, email: str, name: str, hashed: str, at: datetime) -> User:
    """A platform operator: may enter the Django admin, belongs to no company. `hashed` comes from `hash_password`."""
    user = _create_user(email, name, hashed, at=at, is_staff=True)
    user.is_superuser = True
    user.save(update_fields=["is_superuser"])
    return user


@operation
def invite(
    *,
    email: str,
    role: str,
    actor: Membership,
    at: datetime,
    manager: Membership | None = None,
    department: Department | None = None,
    mail_at: datetime | None = None,
) -> tuple[Invitation, str]:
    """Ask an address to join; answers the invitation and its token in clear. An open one for the address is replaced.

    `mail_at`: when its mail goes out, and its term begins, where that is not at once.
    """
    if not _vouches(actor, role, at=at):
        raise permissions.refusal(actor)
    key = _email_key(email)
    if Membership.objects.filter(user__email_key=key).exists():
        raise errors.Invalid("This person is a member already.", field="email", code="already_member")
    Invitation.objects.filter(open_email_key=key).update(open_email_key=None, revoked_at=at, mail_due_at=None)
    secret = tokens.new_secret("invite")
    invitation = Invitation.objects.create(
        email=email.strip(),
        email_key=key,
        open_email_key=key,
        role=role,
        manager=manager,
        department=department,
        token_hash=tokens.digest(secret),
        invited_by=actor,
        created_at=at,
        mail_due_at=mail_at or at,
        expires_at=(mail_at or at) + INVITATION_LIFETIME,
    )
    events.record("member.invited", invitation, actor=actor, at=at, role=role)
    return invitation, secret


def _vouches(actor: Membership, role: str, *, at: datetime) -> bool:
    """Whether somebody may hand out a role now. Locks them: who is sent away at this moment leaves no way back in.

    A program may as long as one of its keys opens something.
    """
    now = Membership.objects.select_for_update().get(pk=actor.pk)
    if now.is_program and not ApiKey.objects.open_at(at).filter(integration=now.integration).exists():
        return False
    return now.is_active and permissions.may_make(now, role)


@operation
def resend(invitation: Invitation, *, actor: Membership, at: datetime) -> tuple[Invitation, str]:
    """Mail an invitation again, with new secrets and a fresh term; the ones before open nothing any more.

    Who sends it knows its link, and so is who invites from here on: it dies when they may not invite any more.
    """
    secret = tokens.new_secret("invite")
    _change_unanswered(
        invitation,
        actor,
        at=at,
        token_hash=tokens.digest(secret),
        mail_token_hash=None,
        mail_due_at=at,
        mail_attempts=0,
        invited_by=actor,
        expires_at=at + INVITATION_LIFETIME,
    )
    events.record("invitation.resent", invitation, actor=actor, at=at)
    return invitation, secret


@operation
def revoke(invitation: Invitation, *, actor: Membership, at: datetime) -> Invitation:
    """Take an invitation back: neither of its secrets opens it from here on."""
    _change_unanswered(invitation, actor, at=at, revoked_at=at, open_email_key=None, mail_due_at=None)
    events.record("invitation.revoked", invitation, actor=actor, at=at)
    return invitation


@operation
def place_invitation(
    invitation: Invitation, *, manager: Membership | None, department: Department | None, actor: Membership, at: datetime
) -> Invitation:
    """Another place for whoever accepts. Their link opens no more than before; another role takes another invitation."""
    _change_unanswered(invitation, actor, at=at, manager=manager, department=department)
    events.record("invitation.changed", invitation, actor=actor, at=at, manager=_id(manager), department=_id(department))
    return invitation


def _change_unanswered(invitation: Invitation, actor: Membership, *, at: datetime, **changes: Any) -> None:
    """Raises `InvalidState` for an invitation that was accepted or revoked, also a moment ago."""
    if not _vouches(actor, invitation.role, at=at):
        raise permissions.refusal(actor)
    if Invitation.objects.filter(pk=invitation.pk, accepted_at=None, revoked_at=None).update(**changes) != 1:
        raise errors.InvalidState("This invitation was accepted or revoked already.")
    invitation.refresh_from_db(fields=list(changes))


def open_invitation(secret: str, *, at: datetime) -> Invitation:
    """The invitation that a token opens. Raises `InvitationDead` before anything is said about the account of its address."""
    invitation = queries.opened_by(secret).select_related("company").first()
    if invitation is None or invitation.open_email_key is None or invitation.status_at(at) != "open":
        raise InvitationDead(field="token")
    return invitation


@dataclass(frozen=True, slots=True)
class _Acceptance:
    """Who accepts: somebody with an account, or somebody new; and whether they had the secret that was mailed."""

    secret: str
    user: User | None
    name: str
    hashed: str
    was_mailed: bool
    asking: Session | None


def accept(
    secret: str,
    *,
    name: str,
    password: str,
    at: datetime,
    kind: SessionKind = SessionKind.API,
    client: str = "",
    asking: Session | None = None,
) -> SignedIn:
    """Join with an invitation. Somebody who has an account proves it with its password, or by the session that asks; others get one."""
    invitation = open_invitation(secret, at=at)
    if asking and asking.membership.user.email_key != invitation.email_key:
        asking = None
    user = asking.membership.user if asking else _account_of(invitation, password)
    hashed = "" if user else hash_password(password, email=invitation.email, name=name)
    acceptance = _Acceptance(secret, user, name, hashed, was_mailed=was_mailed(invitation, secret), asking=asking)
    with company_scope(invitation.company_id):
        return _accept(invitation, acceptance, at=at, kind=kind, client=client)


def _account_of(invitation: Invitation, password: str) -> User | None:
    return check_password(invitation.email, password) if has_account(invitation) else None


def has_account(invitation: Invitation) -> bool:
    """Whether the invited person proves an account, or gets one. Only for whoever holds the secret that was mailed to them."""
    return User.objects.filter(email_key=invitation.email_key).exists()


def was_mailed(invitation: Invitation, secret: str) -> bool:
    """Whether this is the secret that only a reader of the address knows, not the one that was copied."""
    return bool(invitation.mail_token_hash == tokens.digest(secret))


def _lock_acceptor(by: _Acceptance, *, at: datetime) -> User:
    """Whoever has an account, if what proved them still does: their session is open still, or their password the same."""
    assert by.user
    if by.asking:
        return lock_asking(by.asking, at=at)
    return lock_person(by.user, password=by.user.password)


@operation
def _accept(invitation: Invitation, by: _Acceptance, *, at: datetime, kind: SessionKind, client: str) -> SignedIn:
    if not invitation.company.is_active:
        raise errors.CompanySuspended
    if by.user and _lock_acceptor(by, at=at).is_staff:  # operators look at all companies, and belong to none
        raise InvitationDead(field="token")
    if not _vouches(invitation.invited_by, invitation.role, at=at):
        raise InvitationDead(field="token")
    claimed = queries.opened_by(by.secret).filter(accepted_at=None, revoked_at=None, expires_at__gt=at, open_email_key__isnull=False)
    if claimed.update(accepted_at=at, open_email_key=None, mail_due_at=None) != 1:
        raise InvitationDead(field="token")
    user = by.user or _create_user(invitation.email, by.name, by.hashed, at=at, is_proven=by.was_mailed)
    if by.was_mailed:
        confirm(user, at=at)
    member = _join(invitation.company, user, invitation.role, at=at, **_place(invitation))
    return open_session(member, at=at, kind=kind, client=client)


def _place(invitation: Invitation) -> dict[str, Any]:
    """Where the invitation puts its person, as far as that is there still. The manager stays locked: others may be moving them."""
    managers = Membership.objects.select_for_update().exclude(status=MembershipStatus.DEACTIVATED)
    manager = managers.filter(pk=invitation.manager_id).first() if invitation.manager_id else None
    departments = Department.objects.filter(archived_at=None)
    return {
        "manager": manager if manager and len(manager.chain) < LONGEST_CHAIN - 20 else None,
        "department": departments.filter(pk=invitation.department_id).first() if invitation.department_id else None,
    }


@operation
def change_member(member: Membership, changes: dict[str, Any], *, actor: Membership, at: datetime) -> Membership:
    """Give a member another `role`, `manager` or `department` (the rows themselves, or None); what is not named stays.

    Raises `InvalidState` when no active owner would remain, `Invalid` for a manager who is below the member.
    """
    member = _lock_member(member, owners_too=True)
    if not permissions.may_change(actor, member):
        raise permissions.refusal(actor)
    if member.status == MembershipStatus.DEACTIVATED:
        raise errors.InvalidState("This member has left. Reactivate them first.")
    if "role" in changes and changes["role"] != member.role:
        _change_role(member, changes["role"], actor=actor, at=at)
    if "manager" in changes and changes["manager"] != member.manager:
        if member.pk == actor.pk:
            raise errors.InvalidState("Nobody chooses who approves their own spend. Somebody else has to.", code="own_manager")
        _change_manager(member, changes["manager"], actor=actor, at=at)
    if "department" in changes and changes["department"] != member.department:
        must_be_in_use(changes["department"])
        before, member.department = member.department, changes["department"]
        member.save(update_fields=["department"])
        events.record("member.department_changed", member, actor=actor, at=at, before=_id(before), after=_id(member.department))
    people_moved(at=at)
    return member


def _lock_member(member: Membership, *, owners_too: bool) -> Membership:
    """The member, read again and locked; every active owner with them, in one order, so that two owners cannot leave at once."""
    wanted = Q(pk=member.pk)
    if owners_too:
        wanted |= Q(role=Role.OWNER, status=MembershipStatus.ACTIVE)
    locked = {found.pk: found for found in Membership.objects.filter(wanted).order_by("pk").select_for_update()}
    return locked[member.pk]


def _must_leave_an_owner(member: Membership) -> None:
    others = Membership.objects.active().filter(role=Role.OWNER).exclude(pk=member.pk)
    if member.is_owner and member.is_active and not others.exists():
        raise errors.InvalidState("A company keeps at least one active owner.", code="last_owner")


def _change_role(member: Membership, role: str, *, actor: Membership, at: datetime) -> None:
    if not permissions.may_make(actor, role):
        raise permissions.refusal(actor)
    if role != Role.OWNER:
        _must_leave_an_owner(member)
    before, member.role = member.role, role
    member.save(update_fields=["role"])
    _revoke_invitations_of(member, actor=actor, at=at)
    events.record("member.role_changed", member, actor=actor, at=at, before=before, after=role)


def _change_manager(member: Membership, manager: Membership | None, *, actor: Membership, at: datetime) -> None:
    """Move the member, and with them everybody below, under another manager. Locks the whole company's people, in one order."""
    chains = dict(Membership.objects.order_by("pk").select_for_update().values_list("pk", "chain"))
    old, above = chains[member.pk], chains[manager.pk] if manager else ""
    if manager and above.startswith(old):
        raise errors.Invalid("A manager cannot be the member, or somebody below them.", field="manager")
    new = f"{above}{member.pk}."
    moved = {pk: new + chain.removeprefix(old) for pk, chain in chains.items() if chain.startswith(old)}
    if max(map(len, moved.values())) > LONGEST_CHAIN:
        raise errors.Invalid("That makes too many levels of managers.", field="manager")
    for pk, chain in sorted(moved.items()):
        Membership.objects.filter(pk=pk).update(chain=chain)
    before, member.manager, member.chain = member.manager, manager, new
    member.save(update_fields=["manager"])
    events.record("member.manager_changed", member, actor=actor, at=at, before=_id(before), after=_id(manager))


def _id(row: events.HasPublicId | None) -> str | None:
    return row.public_id if row else None


@operation
def set_status(member: Membership, status: MembershipStatus, *, actor: Membership, at: datetime) -> Membership:
    """Suspend, deactivate or reactivate. Callers lock the member's cards first: see `cards.operations.suspend_member` and its like."""
    member = _lock_member(member, owners_too=True)
    if not permissions.may_change(actor, member):
        raise permissions.refusal(actor)
    if member.pk == actor.pk:
        raise errors.InvalidState("Nobody does this to themselves. Somebody else has to.")
    if member.status == status:
        raise errors.InvalidState(f"This member is {status} already.")
    if status == MembershipStatus.SUSPENDED and member.status == MembershipStatus.DEACTIVATED:
        raise errors.InvalidState("This member has left already.")
    if status != MembershipStatus.ACTIVE:
        _must_leave_an_owner(member)
    what = "reactivated" if status == MembershipStatus.ACTIVE else str(status)
    # At reactivation, too: no session of before comes to life again.
    end_sessions_of(member, at=at, because=f"member_{what}")
    member.status = status
    member.save(update_fields=["status"])
    _revoke_invitations_of(member, actor=actor, at=at)
    events.record(f"member.{what}", member, actor=actor, at=at)
    people_moved(at=at)
    return member


def _revoke_invitations_of(member: Membership, *, actor: Membership, at: datetime) -> None:
    """What somebody may not hand out any more, they do not hand out by a link that they copied before either."""
    for invitation in Invitation.objects.filter(invited_by=member, accepted_at=None, revoked_at=None).order_by("pk"):
        if member.is_active and permissions.may_make(member, invitation.role):
            continue
        unanswered = Invitation.objects.filter(pk=invitation.pk, accepted_at=None, revoked_at=None)
        if unanswered.update(revoked_at=at, open_email_key=None, mail_due_at=None):
            events.record("invitation.revoked", invitation, actor=actor, at=at)
