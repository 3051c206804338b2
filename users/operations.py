"""What people do: sign up, sign in, invite, accept, change roles. No user exists without passing through here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import password_validation
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q

from companies import operations as companies
from companies.models import Company, Department
from spendtrackr import errors, events
from spendtrackr.retry import operation
from spendtrackr.tenancy import company_scope
from users import permissions, tokens
from users.models import DepartmentHead, Invitation, Membership, MembershipStatus, RefreshToken, Session, SessionKind, User, email_key
from users.roles import Role

INVITATION_LIFETIME = timedelta(days=14)
# Twenty to thirty levels of managers, whatever the size of the ids.
_LONGEST_CHAIN = 255


class EmailTaken(errors.DomainError):
    status, code = 409, "email_taken"
    message = "This address has an account already. Sign in instead."


class WrongCredentials(errors.Unauthenticated):
    code = "wrong_credentials"
    message = "The e-mail address or the password is wrong."


class InvitationDead(errors.Invalid):
    code = "invitation_not_valid"
    message = "This invitation is unknown, used, revoked or expired. Ask for a new one."


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session and its secrets, in clear for this once. `refresh` is empty for pages: their cookie is the credential."""

    session: Session
    member: Membership
    access: str
    refresh: str

    @property
    def expires_in(self) -> int:
        return int(settings.ACCESS_TOKEN_LIFETIME.total_seconds())


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


def sign_up(form: SignUp, *, at: datetime, kind: SessionKind = SessionKind.API) -> SignedIn:
    """A company and its owner, both or neither. Raises `Invalid`, or `EmailTaken` (409)."""
    if not settings.SIGNUP_OPEN:
        raise errors.Forbidden("Sign-up is closed on this installation.", code="signup_closed")
    hashed = hash_password(form.password, email=form.email, name=form.name)
    return _sign_up(form, hashed, at=at, kind=kind)


@operation
def _sign_up(form: SignUp, hashed: str, *, at: datetime, kind: SessionKind) -> SignedIn:
    user = _create_user(form.email, form.name, hashed, at=at)
    company = companies.found(name=form.company_name, country=form.country, currency=form.currency, time_zone=form.time_zone, at=at)
    with company_scope(company.pk):
        member = _join(company, user, Role.OWNER, at=at)
        return _open_session(member, at=at, kind=kind)


def hash_password(password: str, *, email: str = "", name: str = "") -> str:
    """Check and hash, before any transaction: a good hash takes long. Raises `Invalid` for the field `password`."""
    try:
        password_validation.validate_password(password, User(email=email, name=name))
    except ValidationError as error:
        raise errors.Invalid(" ".join(error.messages), field="password") from error
    return make_password(password)


def _email_key(email: str) -> str:
    """The address as it is compared. Normalising may lengthen it beyond what we keep."""
    key = email_key(email)
    if not 3 <= len(key) <= 254:
        raise errors.Invalid("This is not an e-mail address that we can keep.", field="email")
    return key


def _create_user(email: str, name: str, hashed: str, *, at: datetime, is_staff: bool = False) -> User:
    user = User(email=email.strip(), email_key=_email_key(email), name=name.strip(), joined_at=at, password=hashed, is_staff=is_staff)
    if User.objects.filter(email_key=user.email_key).exists():
        raise EmailTaken(field="email")
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError as error:  # somebody else, a moment ago
        raise EmailTaken(field="email") from error
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
    return member


@operation
def create_operator(*, email: str, name: str, hashed: str, at: datetime) -> User:
    """A platform operator: may enter the Django admin, belongs to no company. `hashed` comes from `hash_password`."""
    user = _create_user(email, name, hashed, at=at, is_staff=True)
    user.is_superuser = True
    user.save(update_fields=["is_superuser"])
    return user


def check_password(email: str, password: str) -> User:
    """The active user with this address and password. An unknown address takes as long as a wrong password."""
    user = User.objects.filter(email_key=email_key(email)).first()
    if user is None:
        make_password(password)
        raise WrongCredentials
    if not user.check_password(password) or not user.is_active:
        raise WrongCredentials
    return user


def sign_in(email: str, password: str, *, at: datetime, company: str = "", kind: SessionKind = SessionKind.API) -> SignedIn:
    """Open a session in the company named by id or slug, else in the one used last. Raises `WrongCredentials` (401)."""
    user = check_password(email, password)
    memberships = Membership.across_companies.active().filter(user=user).select_related("company", "user")
    if company:
        memberships = memberships.filter(company__public_id=company) | memberships.filter(company__slug=company)
    # The one used last; never used ones come after, in the order of joining.
    found = sorted(memberships, key=lambda m: (m.last_signed_in_at is None, -(m.last_signed_in_at or m.joined_at).timestamp()))
    if not found:
        raise WrongCredentials
    return _sign_in(found[0], at=at, kind=kind)


@operation
def _sign_in(member: Membership, *, at: datetime, kind: SessionKind) -> SignedIn:
    with company_scope(member.company_id):
        return _open_session(member, at=at, kind=kind)


def _open_session(member: Membership, *, at: datetime, kind: SessionKind) -> SignedIn:
    # The parent first: a child's foreign key would hold a shared lock on it, and two sign-ins at once would deadlock.
    Membership.objects.filter(pk=member.pk).update(last_signed_in_at=at)
    session = Session.objects.create(membership=member, kind=kind, created_at=at, expires_at=at + settings.SESSION_LIFETIME)
    events.record("session.opened", session, actor=member, at=at, kind=str(kind))
    if kind == SessionKind.PAGES:
        return SignedIn(session, member, access="", refresh="")
    return SignedIn(session, member, tokens.access_token(session, at=at), _new_refresh_token(session, at=at))


def _new_refresh_token(session: Session, *, at: datetime) -> str:
    secret = tokens.new_secret("rt")
    RefreshToken.objects.create(session=session, token_hash=tokens.digest(secret), created_at=at)
    return secret


def refresh(secret: str, *, at: datetime) -> SignedIn:
    """Trade a refresh token for a new pair. Raises `Unauthenticated`; a token used before also ends its whole session."""
    token = (
        RefreshToken.across_companies.select_related("session__membership__user", "session__membership__company")
        .filter(token_hash=tokens.digest(secret))
        .first()
    )
    if token is None:
        raise errors.Unauthenticated
    with company_scope(token.company_id):
        renewed = _rotate(token, at=at)
    if renewed is None:
        raise errors.Unauthenticated
    return renewed


@operation
def _rotate(token: RefreshToken, *, at: datetime) -> SignedIn | None:
    """None, after ending the session, when the token was used before: the refusal must not undo the ending."""
    session: Session = token.session
    member: Membership = session.membership
    # One conditional UPDATE decides between simultaneous users of one token; the row count names the winner.
    if RefreshToken.objects.filter(pk=token.pk, used_at=None).update(used_at=at) != 1:
        end_session(session, at=at, because="token_reused")
        return None
    alive = Session.objects.select_for_update().get(pk=session.pk).is_open(at)
    if not (alive and member.is_active and member.user.is_active):
        return None
    return SignedIn(session, member, tokens.access_token(session, at=at), _new_refresh_token(session, at=at))


@operation
def end_session(session: Session, *, at: datetime, because: str = "signed_out") -> None:
    """Revoke a session and all tokens that descend from it. Doing it twice changes nothing."""
    with company_scope(session.company_id):
        ended = Session.objects.filter(pk=session.pk, revoked_at=None).update(revoked_at=at, revoked_because=because)
        if ended:
            events.record("session.ended", session, actor=session.membership, at=at, because=because)


@operation
def invite(
    *,
    email: str,
    role: str,
    actor: Membership,
    at: datetime,
    manager: Membership | None = None,
    department: Department | None = None,
) -> tuple[Invitation, str]:
    """Ask an address to join; answers the invitation and its token in clear. An open one for the address is replaced."""
    if not permissions.may_make(actor, role):
        raise errors.Forbidden("Only an owner can make somebody an owner.")
    key = _email_key(email)
    if Membership.objects.filter(user__email_key=key).exists():
        raise errors.Invalid("This person is a member already.", field="email", code="already_member")
    Invitation.objects.filter(open_email_key=key).update(open_email_key=None, expires_at=at)
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
        expires_at=at + INVITATION_LIFETIME,
    )
    events.record("member.invited", invitation, actor=actor, at=at, role=role)
    return invitation, secret


def open_invitation(secret: str, *, at: datetime) -> Invitation:
    """The invitation that a token opens. Raises `InvitationDead` before anything is said about the account of its address."""
    invitation = Invitation.across_companies.select_related("company").filter(token_hash=tokens.digest(secret)).first()
    if invitation is None or invitation.open_email_key is None or invitation.status_at(at) != "open":
        raise InvitationDead(field="token")
    return invitation


def accept(secret: str, *, name: str, password: str, at: datetime) -> SignedIn:
    """Join with an invitation. Somebody who has an account proves it with its password; others get one."""
    invitation = open_invitation(secret, at=at)
    if User.objects.filter(email_key=invitation.email_key).exists():
        user: User | None = check_password(invitation.email, password)
        hashed = ""
    else:
        user, hashed = None, hash_password(password, email=invitation.email, name=name)
    with company_scope(invitation.company_id):
        return _accept(invitation, user, name, hashed, at=at)


@operation
def _accept(invitation: Invitation, user: User | None, name: str, hashed: str, *, at: datetime) -> SignedIn:
    if not invitation.company.is_active:
        raise errors.CompanySuspended
    claimed = Invitation.objects.filter(pk=invitation.pk, accepted_at=None, expires_at__gt=at, open_email_key__isnull=False)
    if claimed.update(accepted_at=at, open_email_key=None) != 1:
        raise InvitationDead(field="token")
    user = user or _create_user(invitation.email, name, hashed, at=at)
    member = _join(invitation.company, user, invitation.role, at=at, manager=invitation.manager, department=invitation.department)
    return _open_session(member, at=at, kind=SessionKind.API)


@operation
def change_member(member: Membership, changes: dict[str, Any], *, actor: Membership, at: datetime) -> Membership:
    """Give a member another `role`, `manager` or `department` (the rows themselves, or None); what is not named stays.

    Raises `InvalidState` when no active owner would remain, `Invalid` for a manager who is below the member.
    """
    member = _lock_member(member, owners_too=True)
    if not permissions.may_change(actor, member):
        raise errors.Forbidden("Only an owner can make or change an owner.")
    if member.status == MembershipStatus.DEACTIVATED:
        raise errors.InvalidState("This member has left. Reactivate them first.")
    if "role" in changes and changes["role"] != member.role:
        _change_role(member, changes["role"], actor=actor, at=at)
    if "manager" in changes and changes["manager"] != member.manager:
        _change_manager(member, changes["manager"], actor=actor, at=at)
    if "department" in changes and changes["department"] != member.department:
        _must_be_open(changes["department"])
        before, member.department = member.department, changes["department"]
        member.save(update_fields=["department"])
        events.record("member.department_changed", member, actor=actor, at=at, before=_id(before), after=_id(member.department))
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
        raise errors.Forbidden("Only an owner can make or change an owner.")
    if role != Role.OWNER:
        _must_leave_an_owner(member)
    before, member.role = member.role, role
    member.save(update_fields=["role"])
    events.record("member.role_changed", member, actor=actor, at=at, before=before, after=role)


def _change_manager(member: Membership, manager: Membership | None, *, actor: Membership, at: datetime) -> None:
    """Move the member, and with them everybody below, under another manager. Locks the whole company's people, in one order."""
    chains = dict(Membership.objects.order_by("pk").select_for_update().values_list("pk", "chain"))
    old, above = chains[member.pk], chains[manager.pk] if manager else ""
    if manager and above.startswith(old):
        raise errors.Invalid("A manager cannot be the member, or somebody below them.", field="manager")
    new = f"{above}{member.pk}."
    moved = {pk: new + chain.removeprefix(old) for pk, chain in chains.items() if chain.startswith(old)}
    if max(map(len, moved.values())) > _LONGEST_CHAIN:
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
        raise errors.Forbidden("Only an owner can suspend, deactivate or reactivate an owner.")
    if member.pk == actor.pk:
        raise errors.InvalidState("Nobody does this to themselves. Somebody else has to.")
    if member.status == status:
        raise errors.InvalidState(f"This member is {status} already.")
    if status == MembershipStatus.SUSPENDED and member.status == MembershipStatus.DEACTIVATED:
        raise errors.InvalidState("This member has left already.")
    if status != MembershipStatus.ACTIVE:
        _must_leave_an_owner(member)
        end_sessions_of(member, at=at, because=f"member_{status}")
    member.status = status
    member.save(update_fields=["status"])
    events.record(f"member.{'reactivated' if status == MembershipStatus.ACTIVE else status}", member, actor=actor, at=at)
    return member


def end_sessions_of(member: Membership, *, at: datetime, because: str) -> None:
    for session in Session.objects.select_related("membership").filter(membership=member, revoked_at=None):
        end_session(session, at=at, because=because)


def _must_be_open(department: Department | None) -> None:
    """Raise `Invalid` for an archived department. Locks it, so that nobody enters one while it is being archived."""
    if department and Department.objects.select_for_update().get(pk=department.pk).is_archived:
        raise errors.Invalid("This department is archived.", field="department")


@operation
def add_department(
    *, name: str, parent: Department | None = None, head: Membership | None = None, actor: Membership, at: datetime
) -> Department:
    """A new department, with the active member who heads it, if any."""
    department = companies.add_department(name=name, parent=parent, actor=actor, at=at)
    _set_head(department, head, actor=actor, at=at)
    return department


@operation
def change_department(department: Department, changes: dict[str, Any], *, actor: Membership, at: datetime) -> Department:
    """Change its `head` (a member or None), and what `companies.operations.change_department` changes.

    Raises `InvalidState` for archiving a department that active members belong to.
    """
    head_given = "head" in changes
    department = companies.change_department(department, {k: v for k, v in changes.items() if k != "head"}, actor=actor, at=at)
    if changes.get("is_archived") and Membership.objects.active().filter(department=department).exists():
        raise errors.InvalidState("People belong to it. Move them to another department first.")
    if head_given:
        _set_head(department, changes["head"], actor=actor, at=at)
    return department


def _set_head(department: Department, head: Membership | None, *, actor: Membership, at: datetime) -> None:
    """Name who heads a department, or with None nobody. The caller holds the lock of the company's departments."""
    found = DepartmentHead.objects.select_related("member").filter(department=department).first()
    before = found.member if found else None
    if before == head:
        return
    if head and not head.is_active:
        raise errors.Invalid("The head of a department is an active member.", field="head")
    if head is None:
        DepartmentHead.objects.filter(department=department).delete()
    else:
        DepartmentHead.objects.update_or_create(department=department, defaults={"member": head})
    events.record("department.head_changed", department, actor=actor, at=at, before=_id(before), after=_id(head))


@operation
def resend(invitation: Invitation, *, actor: Membership, at: datetime) -> tuple[Invitation, str]:
    """A new link for an invitation that nobody followed; the old one is dead. Answers the invitation and its token in clear."""
    invitation = _unanswered(invitation, actor=actor)
    if Membership.objects.filter(user__email_key=invitation.email_key).exists():
        raise errors.InvalidState("This person is a member already.", code="already_member")
    Invitation.objects.filter(open_email_key=invitation.email_key).exclude(pk=invitation.pk).update(open_email_key=None, expires_at=at)
    secret = tokens.new_secret("invite")
    invitation.token_hash, invitation.open_email_key = tokens.digest(secret), invitation.email_key
    invitation.expires_at = at + INVITATION_LIFETIME
    invitation.save(update_fields=["token_hash", "open_email_key", "expires_at"])
    events.record("invitation.resent", invitation, actor=actor, at=at)
    return invitation, secret


@operation
def revoke_invitation(invitation: Invitation, *, actor: Membership, at: datetime) -> Invitation:
    """Take an invitation back: its link is dead."""
    invitation = _unanswered(invitation, actor=actor)
    invitation.revoked_at, invitation.open_email_key = at, None
    invitation.save(update_fields=["revoked_at", "open_email_key"])
    events.record("invitation.revoked", invitation, actor=actor, at=at)
    return invitation


def _unanswered(invitation: Invitation, *, actor: Membership) -> Invitation:
    """The invitation, locked; raises `InvalidState` once it was accepted or revoked."""
    invitation = Invitation.objects.select_for_update().get(pk=invitation.pk)
    if not permissions.may_make(actor, invitation.role):
        raise errors.Forbidden("Only an owner can make somebody an owner.")
    if invitation.accepted_at or invitation.revoked_at:
        raise errors.InvalidState(f"The invitation was {'accepted' if invitation.accepted_at else 'revoked'} already.")
    return invitation
