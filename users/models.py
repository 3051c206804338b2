"""People, their memberships in companies, invitations, and the sessions they are signed in with."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models

from spendtrackr.ids import MachineTextField, PublicIdField
from spendtrackr.tenancy import TenantManager, TenantModel, TenantQuerySet


class Role(models.TextChoices):
    """What a member may do. Being somebody's manager is a relation, not a role."""

    OWNER = "owner"
    ADMIN = "admin"
    FINANCE = "finance"
    AUDITOR = "auditor"
    EMPLOYEE = "employee"


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
    def visible_to(self, member: Membership) -> MembershipQuerySet:
        """Who runs or checks the company sees everybody; others see themselves."""
        return self if member.sees_company else self.filter(pk=member.pk)

    def active(self) -> MembershipQuerySet:
        return self.filter(status=MembershipStatus.ACTIVE)


MembershipManager = TenantManager.from_queryset(MembershipQuerySet)


class Membership(TenantModel):
    """A user in one company, with a role. Every credential names one."""

    public_id = PublicIdField("mem")
    user = models.ForeignKey(User, models.PROTECT, related_name="+")
    role = MachineTextField(max_length=10, choices=Role)
    status = MachineTextField(max_length=12, choices=MembershipStatus, default=MembershipStatus.ACTIVE)
    joined_at = models.DateTimeField()
    last_signed_in_at = models.DateTimeField(null=True)

    objects = MembershipManager()  # type: ignore[misc]
    across_companies = models.Manager.from_queryset(MembershipQuerySet)()  # type: ignore[misc]

    class Meta:
        db_table = "memberships"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["company", "user"], name="memberships_once"),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} ({self.role})"

    @property
    def is_active(self) -> bool:
        return bool(self.status == MembershipStatus.ACTIVE)

    @property
    def is_owner(self) -> bool:
        return bool(self.role == Role.OWNER)

    @property
    def runs_company(self) -> bool:
        """People, cards and controls."""
        return self.role in {Role.OWNER, Role.ADMIN}

    @property
    def keeps_books(self) -> bool:
        """Funding, coding, imports."""
        return self.role in {Role.OWNER, Role.ADMIN, Role.FINANCE}

    @property
    def sees_company(self) -> bool:
        """Everybody's spend, not only their own."""
        return self.role in {Role.OWNER, Role.ADMIN, Role.FINANCE, Role.AUDITOR}


class Invitation(TenantModel):
    """An address that was asked to join. The token is shown once, to the inviter; its hash is kept."""

    public_id = PublicIdField("inv")
    email = models.EmailField(max_length=254)
    email_key = MachineTextField(max_length=254)
    role = MachineTextField(max_length=10, choices=Role)
    token_hash = MachineTextField(max_length=64, unique=True)
    invited_by = models.ForeignKey(Membership, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
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
        return f"token {self.token_hash[:8]}"
