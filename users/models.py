"""People, their memberships in companies, invitations, and the sessions they are signed in with."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from functools import cached_property
from ipaddress import ip_address, ip_network
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models

from companies.models import Department
from spendtrackr import errors
from spendtrackr.ids import MachineTextField, PublicIdField
from spendtrackr.tenancy import TenantManager, TenantModel, TenantQuerySet
from users.notices import About, Delivery, Kind, page_of
from users.roles import INTEGRATION, TABLE, Role, covers


class AddressUnconfirmed(errors.Forbidden):
    code = "address_unconfirmed"
    message = "Confirm your e-mail address first: follow the link that we sent, or ask for another."


class ScopeMissing(errors.Forbidden):
    code = "scope_missing"
    message = "No API key may do this: people do it, with a token of their own."


# More than a bell can show.
MOST_UNREAD = 100


class MembershipStatus(models.TextChoices):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    DEACTIVATED = "deactivated"


class UserManager(BaseUserManager["User"]):
    """People come from `users.operations`: there is no `create_user` here, so nobody can pass by it."""

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email_key=email_key(username or ""))


class User(AbstractBaseUser, PermissionsMixin):
    """A person, once, whatever number of companies they belong to. Operators are users with `is_staff` and no membership."""

    public_id = PublicIdField("usr")
    email = models.EmailField(max_length=254)
    email_key = MachineTextField(max_length=254, unique=True)
    name = models.CharField(max_length=120)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    joined_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)
    # Whether single keys do something on pages. Who dictates, or brushes against keys, switches them off.
    uses_keys = models.BooleanField(default=True)
    # Whose dates and amounts pages show, one of `locales.REGIONS`; blank: as the browser says.
    locale = models.CharField(max_length=10, default="", blank=True)

    USERNAME_FIELD = "email_key"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        db_table = "users"

    def __str__(self) -> str:
        return self.email

    def clean(self) -> None:
        self.email_key = email_key(self.email)


def email_key(email: str) -> str:
    """How addresses compare: NFKC, case folded, trimmed, without control or zero-width characters."""
    folded: str = unicodedata.normalize("NFKC", email).casefold()
    return "".join(c for c in folded if unicodedata.category(c) not in {"Cc", "Cf", "Zs"})


class MembershipQuerySet(TenantQuerySet["Membership"]):
    def people(self) -> MembershipQuerySet:
        """Without programs."""
        return self.exclude(role=INTEGRATION)

    def visible_to(self, member: Membership) -> MembershipQuerySet:
        """Who runs or checks the company sees everybody; others see themselves and the people below them."""
        return self.people() if member.sees("people") else self.people().filter(pk__in=member.team)

    def with_names(self) -> MembershipQuerySet:
        """All that a member is shown with, in one query."""
        return self.select_related("user", "manager__user", "department")

    def active(self) -> MembershipQuerySet:
        """People who are there: those among whom one is chosen."""
        return self.people().filter(status=MembershipStatus.ACTIVE)

    def in_company(self, name: str) -> MembershipQuerySet:
        """By the company's id or slug."""
        return self.filter(models.Q(company__public_id=name) | models.Q(company__slug=name))


MembershipManager = TenantManager.from_queryset(MembershipQuerySet)


class Membership(TenantModel):
    """A user in one company, with a role. Every credential names one, that of a program too (`Integration`)."""

    public_id = PublicIdField("mem")
    user = models.ForeignKey(User, models.PROTECT, related_name="+")
    role = MachineTextField(max_length=12, choices=Role)
    status = MachineTextField(max_length=12, choices=MembershipStatus, default=MembershipStatus.ACTIVE)
    manager = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")
    department = models.ForeignKey(Department, models.PROTECT, null=True, related_name="+")
    # The database ids from the top of the company down to this member, each with a dot behind: everybody below starts with it.
    chain = MachineTextField(max_length=255, default="")
    joined_at = models.DateTimeField()
    last_signed_in_at = models.DateTimeField(null=True)

    objects = MembershipManager()  # type: ignore[misc]
    across_companies = models.Manager.from_queryset(MembershipQuerySet)()  # type: ignore[misc]

    class Meta:
        db_table = "memberships"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["company", "user"], name="memberships_once"),
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["company", "chain"], name="memberships_below")]

    def __str__(self) -> str:
        return f"{self.public_id} ({self.role})"

    @property
    def is_active(self) -> bool:
        return bool(self.status == MembershipStatus.ACTIVE)

    @property
    def is_owner(self) -> bool:
        return bool(self.role == Role.OWNER)

    def require_writable(self) -> None:
        """Raise unless this member may write at all just now: `CompanySuspended`, or `AddressUnconfirmed`."""
        if not self.company.is_active:
            raise errors.CompanySuspended
        if self.must_confirm:
            raise AddressUnconfirmed

    @property
    def must_confirm(self) -> bool:
        """Whether this person reads and does not write, until they have followed the link that was mailed to them."""
        return settings.CONFIRM_ADDRESSES and self.user.confirmed_at is None

    @property
    def owned_by(self) -> Membership:
        """Whose it is, for the table of permissions: a member is their own."""
        return self

    @property
    def is_program(self) -> bool:
        return bool(self.role == INTEGRATION)

    def may(self, name: str, subject: Any = None) -> bool:
        """What the table says. Without a subject: could this member ever do it, to some object or other?"""
        grant = TABLE[name]
        if self.is_program:
            return covers(self.integration.scopes, grant.scope)
        if self.role in grant.roles or grant.routed:
            return True
        if subject is None:
            return grant.could_be_anybodys
        owner: Membership | None = subject.owned_by
        if owner is None:
            return False
        return (grant.own and owner.pk == self.pk) or (grant.below and owner.is_below(self))

    def sees(self, kind: str) -> bool:
        """Whether this role sees everybody's `cards`, `transactions`, …: not only their own and those of people below."""
        return self.does_to_all(f"{kind}.see")

    def does_to_all(self, name: str) -> bool:
        """Whether the role, or a program's scopes, lets them do this to everybody's."""
        grant = TABLE[name]
        return covers(self.integration.scopes, grant.scope) if self.is_program else self.role in grant.roles

    def refusal(self, name: str) -> errors.Forbidden:
        """Why not, for whoever `may` not."""
        if not self.is_program:
            return errors.Forbidden()
        scope = TABLE[name].scope
        return ScopeMissing(f"This API key lacks the scope {scope}." if scope else "")

    @property
    def sees_balances(self) -> bool:
        """For the navigation of every page."""
        return self.sees("accounts")

    @property
    def sees_policies(self) -> bool:
        """The same."""
        return self.sees("policies")

    @property
    def sees_activity(self) -> bool:
        """The same."""
        return self.sees("activity")

    @property
    def sees_keys(self) -> bool:
        """The same."""
        return self.sees("keys")

    @property
    def sees_books(self) -> bool:
        """The same."""
        return self.sees("books")

    @property
    def sees_reimbursements(self) -> bool:
        """The same."""
        return self.sees("reimbursements")

    def is_below(self, other: Membership) -> bool:
        return self.pk != other.pk and self.chain.startswith(other.chain)

    @cached_property
    def team(self) -> list[int]:
        """This member and everybody below, as database ids."""
        return list(Membership.objects.filter(chain__startswith=self.chain).order_by("pk").values_list("pk", flat=True))

    @cached_property
    def unread(self) -> int:
        """How many notifications they have not seen, up to a hundred: for the navigation of every page."""
        return Notification.objects.filter(membership=self, read_at=None)[:MOST_UNREAD].count()

    @property
    def is_reachable(self) -> bool:
        """Whether anything may be mailed to them: they are active, and the address is known to be theirs."""
        return self.is_active and self.user.is_active and not self.must_confirm and not self.is_program

    @property
    def above(self) -> list[int]:
        """The database ids of the managers above, the nearest first."""
        return ids_above(self.chain)


def ids_above(chain: str) -> list[int]:
    """The database ids in a chain but its own, the nearest first."""
    return [int(part) for part in reversed(chain.split(".")[:-2])]


class DepartmentHead(TenantModel):
    """Who heads a department. A row here, because departments live below and know no people."""

    department = models.OneToOneField(Department, models.PROTECT, related_name="+")
    member = models.ForeignKey(Membership, models.PROTECT, related_name="+")

    class Meta:
        db_table = "department_heads"

    def __str__(self) -> str:
        return f"head of department {self.department_id}"


class Invitation(TenantModel):
    """An address that was asked to join.

    Two secrets open it, each kept as a hash: the link that the inviter may copy, and the one that is mailed, which only whoever
    reads that address can know.
    """

    public_id = PublicIdField("inv")
    email = models.EmailField(max_length=254)
    email_key = MachineTextField(max_length=254)
    role = MachineTextField(max_length=10, choices=Role)
    manager = models.ForeignKey(Membership, models.PROTECT, null=True, related_name="+")
    department = models.ForeignKey(Department, models.PROTECT, null=True, related_name="+")
    token_hash = MachineTextField(max_length=64, unique=True)
    mail_token_hash = MachineTextField(max_length=64, unique=True, null=True)
    # When its mail is due, then null: the row is the queue.
    mail_due_at = models.DateTimeField(null=True, db_index=True)
    mail_attempts = models.PositiveSmallIntegerField(default=0)
    invited_by = models.ForeignKey(Membership, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    # The address while the invitation is open, then null: at most one open invitation an address, on every engine.
    open_email_key = MachineTextField(max_length=254, null=True)

    class Meta:
        db_table = "invitations"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["company", "open_email_key"], name="invitations_one_open"),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} ({self.role})"

    def status_at(self, at: datetime) -> str:
        if self.accepted_at:
            return "accepted"
        if self.revoked_at:
            return "revoked"
        return "open" if bool(at < self.expires_at) else "expired"


class SessionKind(models.TextChoices):
    API = "api"
    PAGES = "pages"


class Session(TenantModel):
    """One sign-in, and the family of refresh tokens that descend from it. Revoked, it takes effect at the next request."""

    public_id = PublicIdField("ses")
    membership = models.ForeignKey(Membership, models.PROTECT, related_name="+")
    kind = MachineTextField(max_length=5, choices=SessionKind)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    revoked_because = MachineTextField(max_length=20, default="")
    # What the browser or program calls itself, so that people recognise their sessions.
    client = models.CharField(max_length=200, default="")

    class Meta:
        db_table = "sessions"

    def __str__(self) -> str:
        return str(self.public_id)

    def is_open(self, at: datetime) -> bool:
        return self.revoked_at is None and at < self.expires_at


class RefreshToken(TenantModel):
    """A single-use token, kept as a hash. Used a second time, it ends its session: one of the two users stole it."""

    session = models.ForeignKey(Session, models.CASCADE, related_name="+")
    token_hash = MachineTextField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "refresh_tokens"

    def __str__(self) -> str:
        return f"token {self.pk} of session {self.session_id}"


class Integration(TenantModel):
    """A program among a company's members: what it may do, and from where. Its keys come and go, and act in its name."""

    membership = models.OneToOneField(Membership, models.PROTECT, related_name="integration")
    # Scopes of `users.roles.SCOPES`, and networks such as `203.0.113.0/24`, none for everywhere: each with a space between.
    granted = models.TextField()
    allowed = models.TextField(default="")

    class Meta:
        db_table = "integrations"

    def __str__(self) -> str:
        return f"integration {self.pk}"

    @property
    def scopes(self) -> list[str]:
        return str(self.granted).split()

    @property
    def networks(self) -> list[str]:
        return str(self.allowed).split()

    def admits(self, address: str) -> bool:
        """Whether its keys may be used from an address, such as `203.0.113.7`."""
        if not self.allowed:
            return True
        try:
            found = ip_address(address)
        except ValueError:
            return False
        mapped = getattr(found, "ipv4_mapped", None)
        return any((mapped or found) in ip_network(network) for network in self.networks)


class KeyStatus(models.TextChoices):
    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


class ApiKeyQuerySet(TenantQuerySet["ApiKey"]):
    def open_at(self, at: datetime) -> ApiKeyQuerySet:
        return self.filter(models.Q(expires_at=None) | models.Q(expires_at__gt=at), revoked_at=None)


ApiKeyManager = TenantManager.from_queryset(ApiKeyQuerySet)


class ApiKey(TenantModel):
    """A secret of an integration, shown once and kept as a hash."""

    public_id = PublicIdField("key")
    integration = models.ForeignKey(Integration, models.PROTECT, related_name="keys")
    prefix = MachineTextField(max_length=8)
    last4 = MachineTextField(max_length=4)
    secret_hash = MachineTextField(max_length=64, unique=True)
    created_by = models.ForeignKey(Membership, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    # To the minute: it is not written at every request.
    last_used_at = models.DateTimeField(null=True)
    # When another one took its place.
    rotated_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.ForeignKey(Membership, models.PROTECT, null=True, related_name="+")

    objects = ApiKeyManager()  # type: ignore[misc]
    across_companies = models.Manager.from_queryset(ApiKeyQuerySet)()  # type: ignore[misc]

    class Meta:
        db_table = "api_keys"

    def __str__(self) -> str:
        return str(self.public_id)

    @property
    def name(self) -> str:
        """What its program is called."""
        return str(self.integration.membership.user.name)

    def is_open(self, at: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or at < self.expires_at)

    def status_at(self, at: datetime) -> KeyStatus:
        if self.revoked_at:
            return KeyStatus.REVOKED
        return KeyStatus.ACTIVE if self.is_open(at) else KeyStatus.EXPIRED


class LinkPurpose(models.TextChoices):
    RESET = "reset"
    CONFIRM = "confirm"


class EmailLink(models.Model):
    """A link to be mailed to somebody, once. No secret is kept: the worker makes it when it sends, and only its hash stays.

    Global, like the person it belongs to.
    """

    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    purpose = MachineTextField(max_length=8, choices=LinkPurpose)
    token_hash = MachineTextField(max_length=64, unique=True, null=True)
    requested_at = models.DateTimeField()
    # When its mail is due, then null: the row is the queue.
    mail_due_at = models.DateTimeField(null=True, db_index=True)
    mail_attempts = models.PositiveSmallIntegerField(default=0)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "email_links"

    def __str__(self) -> str:
        return f"{self.purpose} link of user {self.user_id}"


class NotificationCursor(TenantModel):
    """Up to which sealed event a company's people have been told. Its row is the lock, so two workers take turns."""

    sequence = models.PositiveBigIntegerField(default=0)

    class Meta:
        db_table = "notification_cursors"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["company"], name="notification_cursors_one"),
        ]

    def __str__(self) -> str:
        return f"people of company {self.company_id} were told up to {self.sequence}"


class Notification(TenantModel):
    """One event in words for one member: a line of their feed, and perhaps a mail, of which the row is the queue.

    The words are those of the moment: what is renamed later was told by its old name.
    """

    public_id = PublicIdField("ntf")
    membership = models.ForeignKey(Membership, models.PROTECT, related_name="+")
    event = models.ForeignKey("spendtrackr.Event", models.PROTECT, db_constraint=False, related_name="+")
    kind = MachineTextField(max_length=12, choices=Kind)
    about = MachineTextField(max_length=14, choices=About)
    about_id = MachineTextField(max_length=40)
    text = models.CharField(max_length=300)
    at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)
    # Left out of the feed: they chose so.
    is_silent = models.BooleanField(default=False)
    # When its mail is due, or is tried again; null where none is.
    mail_due_at = models.DateTimeField(null=True, db_index=True)
    mail_attempts = models.PositiveSmallIntegerField(default=0)
    # Whoever took it to send it; a mail may hold several.
    mail_claim = MachineTextField(max_length=40, default="")
    mail_sent_at = models.DateTimeField(null=True)
    # Why the last attempt came to nothing.
    mail_failure = MachineTextField(max_length=60, default="")

    class Meta:
        db_table = "notifications"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["membership", "event", "kind"], name="notifications_once"),
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["company", "membership", "read_at"], name="notifications_unread")]

    def __str__(self) -> str:
        return f"{self.public_id} ({self.kind})"

    @property
    def owned_by(self) -> Membership:
        return self.membership

    @property
    def is_read(self) -> bool:
        return self.read_at is not None

    @property
    def page(self) -> str:
        """Where it leads."""
        return page_of(self.about, self.about_id)


class NotificationPreference(TenantModel):
    """How somebody wants to be told of one kind, where that is not as usual."""

    membership = models.ForeignKey(Membership, models.PROTECT, related_name="+")
    kind = MachineTextField(max_length=12, choices=Kind)
    mail = MachineTextField(max_length=8, choices=Delivery)
    feed = models.BooleanField()

    class Meta:
        db_table = "notification_preferences"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["membership", "kind"], name="notification_preferences_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of member {self.membership_id}: {self.mail}"
