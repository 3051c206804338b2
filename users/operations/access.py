"""Signing in and staying in: passwords, sessions, and the tokens that stand for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth import password_validation
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError

from spendtrackr import errors, events, locales
from spendtrackr.retry import operation
from spendtrackr.tenancy import company_scope
from users import queries, tokens
from users.models import EmailLink, LinkPurpose, Membership, RefreshToken, Session, SessionKind, User, email_key


class WrongCredentials(errors.Unauthenticated):
    code = "wrong_credentials"
    message = "The e-mail address or the password is wrong."


class WrongPassword(errors.Invalid):
    code = "wrong_password"
    message = "This is not your password."


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


def hash_password(password: str, *, email: str = "", name: str = "", field: str = "password") -> str:
    """Check and hash, before any transaction: a good hash takes long. Raises `Invalid` for the field that held it."""
    try:
        password_validation.validate_password(password, User(email=email, name=name))
    except ValidationError as error:
        raise errors.Invalid(" ".join(error.messages), field=field) from error
    return make_password(password)


def check_password(email: str, password: str) -> User:
    """The active user with this address and password. An unknown address takes as long as a wrong password."""
    user = User.objects.filter(email_key=email_key(email)).first()
    if user is None:
        make_password(password)
        raise WrongCredentials
    if not user.check_password(password) or not user.is_active:
        raise WrongCredentials
    return user


def sign_in(
    email: str, password: str, *, at: datetime, company: str = "", kind: SessionKind = SessionKind.API, client: str = ""
) -> SignedIn:
    """Open a session in the company named by id or slug, else in the one used last. Raises `WrongCredentials` (401)."""
    user = check_password(email, password)
    memberships = queries.memberships(user)
    if company:
        memberships = memberships.in_company(company)
    # The one used last; never used ones come after, in the order of joining.
    found = sorted(memberships, key=lambda m: (m.last_signed_in_at is None, -(m.last_signed_in_at or m.joined_at).timestamp()))
    if not found:
        raise WrongCredentials
    return _sign_in(user, found[0], at=at, kind=kind, client=client)


@operation
def _sign_in(user: User, member: Membership, *, at: datetime, kind: SessionKind, client: str) -> SignedIn:
    """The password again, under the person's lock: a change of it ends every session, and must not miss the one that begins here."""
    lock_person(user, password=user.password)
    return _enter(member, at=at, kind=kind, client=client)


def lock_person(user: User, **still: Any) -> User:
    """The first lock of whatever opens sessions of a person, or ends all of them: neither misses the other.

    Raises `WrongCredentials` when they are not what they were when they proved themselves.
    """
    found = User.objects.select_for_update().filter(pk=user.pk, is_active=True, **still).first()
    if found is None:
        raise WrongCredentials
    return found


def lock_asking(session: Session, *, at: datetime) -> User:
    """The same for somebody whom a session stands for. Raises `Unauthenticated` when it ended in the meantime."""
    user = lock_person(session.membership.user)
    if not Session.across_companies.select_for_update().get(pk=session.pk).is_open(at):
        raise errors.Unauthenticated
    return user


def switch(session: Session, company: str, *, at: datetime, kind: SessionKind = SessionKind.API, client: str = "") -> SignedIn:
    """Open a session in another company of the same person, named by id or slug. The session that asks stays open."""
    member = queries.memberships(session.membership.user).in_company(company).first()
    if member is None:
        raise errors.Invalid("You belong to no such company.", field="company", code="does_not_exist")
    return _switch(session, member, at=at, kind=kind, client=client)


@operation
def _switch(session: Session, member: Membership, *, at: datetime, kind: SessionKind, client: str) -> SignedIn:
    lock_asking(session, at=at)
    return _enter(member, at=at, kind=kind, client=client)


def _enter(member: Membership, *, at: datetime, kind: SessionKind, client: str) -> SignedIn:
    with company_scope(member.company_id):
        return open_session(member, at=at, kind=kind, client=client)


def open_session(member: Membership, *, at: datetime, kind: SessionKind, client: str) -> SignedIn:
    """One step of signing up, in, accepting and switching. The caller holds the person's lock."""
    # The parent first: a child's foreign key would hold a shared lock on it, and two sign-ins at once would deadlock.
    # Only while they are active: a session that began after they were sent away would come to life when they are back.
    if Membership.objects.active().filter(pk=member.pk).update(last_signed_in_at=at) != 1:
        raise WrongCredentials
    session = Session.objects.create(membership=member, kind=kind, client=client, created_at=at, expires_at=at + settings.SESSION_LIFETIME)
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


def end_sessions_of(member: Membership, *, at: datetime, because: str) -> None:
    for session in Session.objects.select_related("membership").filter(membership=member, revoked_at=None):
        end_session(session, at=at, because=because)


@operation
def end_other_sessions(session: Session, *, at: datetime) -> None:
    """Leave one session of a person open, and end the rest, in all their companies."""
    lock_asking(session, at=at)
    end_sessions_of_user(session.membership.user, at=at, because="revoked", but=session)


def end_sessions_of_user(user: User, *, at: datetime, because: str, but: Session | None = None) -> None:
    """One step of changing a password, and of looking after one's sessions. The caller holds the person's lock."""
    for session in queries.open_sessions(user, at=at):
        if but is None or session.pk != but.pk:
            end_session(session, at=at, because=because)


def change_password(session: Session, *, current: str, new: str, at: datetime) -> None:
    """Give the person of a session another password; every other session of theirs ends. Raises `Invalid` naming the field."""
    user = session.membership.user
    if not user.check_password(current):
        raise WrongPassword(field="current")
    _change_password(session, hash_password(new, email=user.email, name=user.name, field="new"), at=at)


@operation
def _change_password(session: Session, hashed: str, *, at: datetime) -> None:
    member: Membership = session.membership
    lock_asking(session, at=at)
    # Only from the password that was proven: of two changes at once, the second has proven nothing any more.
    if User.objects.filter(pk=member.user_id, password=member.user.password).update(password=hashed) != 1:
        raise WrongPassword(field="current")
    EmailLink.objects.filter(user=member.user, purpose=LinkPurpose.RESET, used_at=None).update(used_at=at, mail_due_at=None)
    end_sessions_of_user(member.user, at=at, because="password_changed", but=session)
    events.record("password.changed", member, actor=member, at=at)


@operation
def change_profile(
    member: Membership, *, name: str | None = None, uses_keys: bool | None = None, locale: str | None = None, at: datetime
) -> Membership:
    """What somebody is called and how pages behave for them, in all their companies; what is not named stays.

    `locale` is one of `locales.REGIONS`, or blank for what the browser says.
    """
    changes = {"name": name if name is None else name.strip(), "uses_keys": uses_keys, "locale": locale}
    named = {field: value for field, value in changes.items() if value is not None}
    if not named:
        raise errors.Invalid("Name what is to change.", field="name", code="required")
    if locale and locale not in locales.REGIONS:
        raise errors.Invalid(f"There is no such region. There are {', '.join(sorted(locales.REGIONS))}.", field="locale")
    for field, value in named.items():
        setattr(member.user, field, value)
    member.user.save(update_fields=[*named])
    events.record("profile.changed", member, actor=member, at=at)
    return member
