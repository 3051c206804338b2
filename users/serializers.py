"""People and sign-ins, as the API shows and takes them."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from companies.models import Department
from companies.serializers import CompanySerializer
from spendtrackr.locales import REGIONS
from spendtrackr.rotation import LONGEST_HOURS
from spendtrackr.serializers import (
    CountryField,
    CurrencyField,
    InstantField,
    PlainCharField,
    PlainChoiceField,
    PlainListField,
    StrictBooleanField,
    StrictIntegerField,
    StrictSerializer,
)
from users import queries
from users.models import ApiKey, Invitation, KeyStatus, Membership, Notification, Session
from users.notices import MAY_BE_SILENT, SAYS, About, Delivery, Kind
from users.operations import MOST_NETWORKS, SignedIn
from users.operations.imports import Outcome
from users.roles import SCOPES, Role
from users.rosters.table import Kind as RosterKind
from users.rosters.verdicts import Change, Verdict, What


class CompanyBody(StrictSerializer):
    company_name = PlainCharField(max_length=120)
    country = CountryField()
    currency = CurrencyField(help_text="ISO 4217. It cannot change after the first posting.")
    time_zone = PlainCharField(max_length=60, help_text="IANA name, such as Europe/Berlin. It decides which day a purchase falls on.")


class SignUpBody(CompanyBody):
    name = PlainCharField(max_length=120)
    email = serializers.EmailField(max_length=254)
    password = serializers.CharField(max_length=200, trim_whitespace=False, help_text="Ten characters or more, not a common one.")


class LoginBody(StrictSerializer):
    email = PlainCharField(max_length=254)
    password = serializers.CharField(max_length=200, trim_whitespace=False)
    company = PlainCharField(max_length=60, required=False, default="", help_text="Id or slug; else the company used last.")


class RefreshBody(StrictSerializer):
    refresh = PlainCharField(max_length=200, help_text="Single use. Used twice, it ends the session.")


class AcceptBody(StrictSerializer):
    token = PlainCharField(max_length=200)
    name = PlainCharField(max_length=120)
    password = serializers.CharField(
        max_length=200, trim_whitespace=False, help_text="A new one; or your own, if this address has an account."
    )


class PasswordBody(StrictSerializer):
    current = serializers.CharField(max_length=200, trim_whitespace=False)
    new = serializers.CharField(max_length=200, trim_whitespace=False, help_text="Ten characters or more, not a common one.")


class AddressBody(StrictSerializer):
    email = PlainCharField(max_length=254)


class ResetBody(StrictSerializer):
    token = PlainCharField(max_length=200, help_text="From the link that was mailed. Single use.")
    password = serializers.CharField(max_length=200, trim_whitespace=False, help_text="Ten characters or more, not a common one.")


class LinkBody(StrictSerializer):
    token = PlainCharField(max_length=200, help_text="From the link that was mailed. Single use.")


class MailedSerializer(serializers.Serializer[Any]):
    """The same, whether or not there is an account."""

    message = serializers.CharField()


class SwitchBody(StrictSerializer):
    company = PlainCharField(max_length=60, help_text="Id or slug of another of your companies.")


class ProfileBody(StrictSerializer):
    name = PlainCharField(max_length=120, required=False)
    locale = PlainChoiceField(
        [("", "as the browser says"), *REGIONS.items()],
        required=False,
        help_text="The region as in which pages write dates and amounts. The API itself writes them for everybody alike.",
    )


class PlaceFields(StrictSerializer):
    """Where somebody stands in the company."""

    manager = PlainCharField(max_length=40, required=False, allow_null=True, help_text="Id of the member whom they report to.")
    department = PlainCharField(max_length=40, required=False, allow_null=True, help_text="Id of a department.")


class MemberChangesBody(PlaceFields):
    role = PlainChoiceField(Role.choices, required=False)


class InvitationBody(PlaceFields):
    email = serializers.EmailField(max_length=254)
    role = PlainChoiceField(Role.choices)


class MemberSerializer(serializers.ModelSerializer[Membership]):
    id = serializers.CharField(source="public_id", read_only=True)
    name = serializers.CharField(source="user.name", read_only=True)
    email = serializers.CharField(source="user.email", read_only=True)
    manager = serializers.CharField(source="manager.public_id", read_only=True, allow_null=True, default=None)
    manager_name = serializers.CharField(source="manager.user.name", read_only=True, allow_null=True, default=None)
    department = serializers.CharField(source="department.public_id", read_only=True, allow_null=True, default=None)
    department_name = serializers.CharField(source="department.name", read_only=True, allow_null=True, default=None)

    class Meta:
        model = Membership
        fields = ["id", "name", "email", "role", "status", "manager", "manager_name", "department", "department_name", "joined_at"]
        read_only_fields = fields


class MembershipKeySerializer(serializers.ModelSerializer[Membership]):
    id = serializers.CharField(source="public_id", read_only=True)

    class Meta:
        model = Membership
        fields = ["id", "role"]
        read_only_fields = fields


class MeMembershipSerializer(serializers.ModelSerializer[Membership]):
    """One of the companies that this login can choose."""

    id = serializers.CharField(source="public_id", read_only=True)
    company = CompanySerializer(read_only=True)

    class Meta:
        model = Membership
        fields = ["id", "role", "company"]
        read_only_fields = fields


class MeSerializer(serializers.Serializer[Membership]):
    """Who is asking, for which company, and which others they could ask for."""

    member = MemberSerializer(source="*")
    company = CompanySerializer()
    memberships = serializers.SerializerMethodField()
    locale = serializers.CharField(
        source="user.locale", read_only=True, help_text="As in which region pages write dates and amounts; blank: as the browser says."
    )

    @extend_schema_field(MeMembershipSerializer(many=True))
    def get_memberships(self, member: Membership) -> list[dict[str, Any]]:
        return list(MeMembershipSerializer(queries.memberships(member.user).order_by("id"), many=True).data)


class SignedInSerializer(MeSerializer):
    """A fresh pair of tokens."""

    access = serializers.CharField(help_text="Send it as `Authorization: Bearer …`.")
    refresh = serializers.CharField(help_text="Single use, for `/auth/refresh/`.")
    expires_in = serializers.IntegerField(help_text="Seconds until the access token expires.")


def signed_in(result: SignedIn) -> dict[str, Any]:
    """A fresh pair of tokens and who they stand for, in the shape above."""
    return {"access": result.access, "refresh": result.refresh, "expires_in": result.expires_in, **MeSerializer(result.member).data}


class FoundedSerializer(serializers.Serializer[Membership]):
    """A new company, and the membership of who founded it. `/auth/switch/` leads there."""

    company = CompanySerializer()
    member = serializers.SerializerMethodField()

    @extend_schema_field(MembershipKeySerializer)
    def get_member(self, member: Membership) -> dict[str, Any]:
        return dict(MembershipKeySerializer(member).data)


class SessionSerializer(serializers.ModelSerializer[Session]):
    """One place where you are signed in."""

    id = serializers.CharField(source="public_id", read_only=True)
    company_name = serializers.CharField(source="membership.company.name", read_only=True)
    is_current = serializers.SerializerMethodField(help_text="Whether it is the session that asks.")

    class Meta:
        model = Session
        fields = ["id", "kind", "client", "company_name", "created_at", "expires_at", "is_current"]
        read_only_fields = fields
        extra_kwargs = {"client": {"help_text": "What the browser or program called itself."}}

    def get_is_current(self, session: Session) -> bool:
        return bool(session.pk == self.context["request"].session.pk)


class InvitationSerializer(serializers.ModelSerializer[Invitation]):
    id = serializers.CharField(source="public_id", read_only=True)
    status = serializers.SerializerMethodField()
    manager = serializers.CharField(source="manager.public_id", read_only=True, allow_null=True, default=None)
    department = serializers.CharField(source="department.public_id", read_only=True, allow_null=True, default=None)
    invited_by = serializers.CharField(source="invited_by.public_id", read_only=True)

    class Meta:
        model = Invitation
        fields = ["id", "email", "role", "manager", "department", "status", "invited_by", "created_at", "expires_at", "accepted_at"]
        read_only_fields = fields

    def get_status(self, invitation: Invitation) -> str:
        return invitation.status_at(timezone.now())


class NewInvitationSerializer(InvitationSerializer):
    """With its token, this once, and the page that takes it: give one of them to the person you invited."""

    token = serializers.CharField(read_only=True)
    link = serializers.CharField(read_only=True)

    class Meta(InvitationSerializer.Meta):
        fields = [*InvitationSerializer.Meta.fields, "token", "link"]
        read_only_fields = fields


class ScopesField(PlainListField):
    """Scopes such as `cards:read`. Whoever may write a resource may read it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(child=PlainChoiceField(choices=SCOPES), max_length=len(SCOPES), **kwargs)


class NetworksField(PlainListField):
    """Networks such as `203.0.113.0/24`; none for everywhere."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(child=PlainCharField(max_length=50), max_length=MOST_NETWORKS, **kwargs)


class ApiKeySerializer(serializers.ModelSerializer[ApiKey]):
    """A key without its secret. `integration` is the member in whose name it acts: the `actor` of its events."""

    id = serializers.CharField(source="public_id", read_only=True)
    name = serializers.CharField(read_only=True)
    integration = serializers.CharField(source="integration.membership.public_id", read_only=True)
    scopes = serializers.ListField(source="integration.scopes", child=serializers.ChoiceField(SCOPES), read_only=True)
    networks = serializers.ListField(source="integration.networks", child=serializers.CharField(), read_only=True)
    status = serializers.SerializerMethodField()
    created_by = serializers.CharField(source="created_by.public_id", read_only=True)

    class Meta:
        model = ApiKey
        fields = [
            "id", "name", "integration", "scopes", "networks", "prefix", "last4", "status", "created_by", "created_at", "expires_at",
            "last_used_at", "revoked_at",
        ]  # fmt: skip
        read_only_fields = fields
        extra_kwargs = {
            "prefix": {"help_text": "How its secret begins."},
            "last4": {"help_text": "How its secret ends."},
            "last_used_at": {"help_text": "To the minute."},
        }

    @extend_schema_field(serializers.ChoiceField(KeyStatus.choices))
    def get_status(self, key: ApiKey) -> str:
        return key.status_at(timezone.now())


class NewApiKeySerializer(ApiKeySerializer):
    """With its secret, this once."""

    secret = serializers.CharField(read_only=True)

    class Meta(ApiKeySerializer.Meta):
        fields = [*ApiKeySerializer.Meta.fields, "secret"]
        read_only_fields = fields


class ApiKeyFields(StrictSerializer):
    name = PlainCharField(max_length=120, help_text="What it is for. It stands beside whatever is done with the key.")
    scopes = ScopesField()
    networks = NetworksField(required=False)
    expires_at = InstantField(required=False, allow_null=True, help_text="Null: it lives until it is revoked.")


class NewApiKeyBody(ApiKeyFields):
    """What a program may do, from where, and for how long."""


class ApiKeyChangesBody(ApiKeyFields):
    """What it names is changed."""

    name = PlainCharField(max_length=120, required=False)
    scopes = ScopesField(required=False)


class RotateBody(StrictSerializer):
    overlap_hours = StrictIntegerField(
        required=False,
        default=24,
        min_value=0,
        max_value=LONGEST_HOURS,
        help_text="For how long the secret of before goes on working.",
    )


class DepartmentSerializer(serializers.ModelSerializer[Department]):
    """Where a department stands, and who heads it: rows of `users.queries.departments`."""

    id = serializers.CharField(source="public_id", read_only=True)
    parent = serializers.CharField(source="parent.public_id", read_only=True, allow_null=True, default=None)  # type: ignore[assignment]  # a field, not the serializer around
    head = serializers.CharField(read_only=True, allow_null=True, help_text="Id of the member who heads it.")
    head_name = serializers.CharField(read_only=True, allow_null=True)
    is_archived = serializers.BooleanField(read_only=True)

    class Meta:
        model = Department
        fields = ["id", "name", "parent", "head", "head_name", "cost_centre", "is_archived"]
        read_only_fields = fields


class DepartmentFields(StrictSerializer):
    parent = PlainCharField(  # type: ignore[assignment]  # a field, not the serializer around
        max_length=40, required=False, allow_null=True, help_text="Id of the department that it lies inside."
    )
    head = PlainCharField(max_length=40, required=False, allow_null=True, help_text="Id of the active member who heads it.")
    cost_centre = PlainCharField(
        max_length=40, required=False, allow_blank=True, help_text="What accounting calls it; blank where it goes by its name there."
    )


class NewDepartmentBody(DepartmentFields):
    name = PlainCharField(max_length=80)


class DepartmentChangesBody(DepartmentFields):
    name = PlainCharField(max_length=80, required=False)
    is_archived = StrictBooleanField(required=False)


class AboutSerializer(serializers.Serializer[Notification]):
    """What it leads to."""

    type = serializers.ChoiceField(About.choices, source="about")
    id = serializers.CharField(source="about_id")


class NotificationSerializer(serializers.ModelSerializer[Notification]):
    """What one member was told, in the words of that moment."""

    id = serializers.CharField(source="public_id", read_only=True)
    event = serializers.CharField(source="event.public_id", read_only=True, help_text="Id of the event that it tells of.")
    about = AboutSerializer(source="*", read_only=True)
    page = serializers.CharField(read_only=True, help_text="Where a browser sees it: a path on this host.")

    class Meta:
        model = Notification
        fields = ["id", "kind", "event", "about", "text", "page", "at", "read_at"]
        read_only_fields = fields
        extra_kwargs = {"read_at": {"help_text": "Null while it is new."}}


class ReadUpToBody(StrictSerializer):
    up_to = PlainCharField(max_length=40, required=False, help_text="Id of the newest that was seen; without it, all of them.")


class ReadSerializer(serializers.Serializer[Any]):
    """How many of them were new."""

    read = serializers.IntegerField()


class ChoiceSerializer(serializers.Serializer[Any]):
    """How one kind reaches you."""

    mail = serializers.ChoiceField(Delivery.choices)
    feed = serializers.BooleanField()


class ChoiceBody(StrictSerializer):
    mail = PlainChoiceField(Delivery.choices, required=False, help_text="`daily` gathers a day's in one mail at nine in the morning.")
    feed = StrictBooleanField(required=False, help_text="Whether the feed shows it. What has to be acted upon is always shown.")


def _says(kind: Kind) -> str:
    """One line of the contract."""
    return f"{SAYS[kind][1]}.{'' if kind in MAY_BE_SILENT else ' Always in the feed.'}"


# One name a kind, so that a change names what it changes and nothing else.
PreferencesSerializer = type(
    "PreferencesSerializer",
    (serializers.Serializer,),
    {"__doc__": "How each kind reaches you."} | {kind.value: ChoiceSerializer(help_text=_says(kind)) for kind in Kind},
)
PreferencesBody = type(
    "PreferencesBody",
    (StrictSerializer,),
    {"__doc__": "The kinds to change."} | {kind.value: ChoiceBody(required=False, help_text=_says(kind)) for kind in Kind},
)


VERDICTS = [(what.value, what.value) for what in What]
ROSTER_FIELDS = ("role", "manager", "department", "parent", "head", "cost_centre")


class RosterBody(StrictSerializer):
    file = serializers.FileField(allow_empty_file=True, help_text="CSV or XLSX. Its columns are recognised by the names in its header.")
    show = PlainChoiceField(VERDICTS, required=False, help_text="Answers the rows with this verdict alone.")


class PeopleBody(RosterBody):
    missing_departments = PlainChoiceField(
        ["add", "reject"], required=False, default="add", help_text="What becomes of rows whose department there is not."
    )


class DepartmentsBody(RosterBody):
    """A file of departments."""


class RosterChangeSerializer(serializers.Serializer[Change]):
    """One field, from what to what; blank for nobody or none. People are told by their addresses."""

    field = serializers.ChoiceField(ROSTER_FIELDS)
    before = serializers.CharField(allow_blank=True)
    after = serializers.CharField(allow_blank=True)


class RosterRowSerializer(serializers.Serializer[Verdict]):
    """What became of one row, or would."""

    line = serializers.IntegerField(help_text="Line of the file, or row of the sheet, counted from 1.")
    verdict = serializers.ChoiceField(VERDICTS)
    subject = serializers.CharField(allow_blank=True, help_text="The address of a person, the name of a department.")
    changes = RosterChangeSerializer(many=True)
    reason = serializers.CharField(allow_blank=True)
    field = serializers.CharField(allow_blank=True, help_text="The column that is wrong.")


class PeopleCountsSerializer(serializers.Serializer[Any]):
    invite = serializers.IntegerField()
    change = serializers.IntegerField()
    same = serializers.IntegerField()
    skipped = serializers.IntegerField()
    rejected = serializers.IntegerField()


class DepartmentCountsSerializer(serializers.Serializer[Any]):
    add = serializers.IntegerField()
    change = serializers.IntegerField()
    same = serializers.IntegerField()
    skipped = serializers.IntegerField()
    rejected = serializers.IntegerField()


class RosterOutcomeSerializer(serializers.Serializer[Outcome]):
    notes = serializers.ListField(child=serializers.CharField(), help_text="What a person should know about how the file was read.")
    rows = RosterRowSerializer(many=True, help_text="In the order of the file, the first thousand.")
    has_more = serializers.BooleanField(help_text="Whether there are more rows than these.")


class PeopleOutcomeSerializer(RosterOutcomeSerializer):
    """What became of a file of people, or would."""

    counts = PeopleCountsSerializer(help_text="Of all rows.")
    departments = serializers.ListField(child=serializers.CharField(), help_text="Departments that are added on the way.")


class DepartmentsOutcomeSerializer(RosterOutcomeSerializer):
    """What became of a file of departments, or would."""

    counts = DepartmentCountsSerializer(help_text="Of all rows.")


MOST_SHOWN = 1_000


def shown_outcome(outcome: Outcome, show: str = "") -> dict[str, Any]:
    """An outcome in the shape of its kind, with the rows of one verdict or of all."""
    rows = [verdict for verdict in outcome.verdicts if show in {"", verdict.verdict}]
    shape = PeopleOutcomeSerializer if outcome.kind is RosterKind.PEOPLE else DepartmentsOutcomeSerializer
    shown: Any = {
        "counts": outcome.counts,
        "departments": outcome.departments,
        "notes": outcome.notes,
        "rows": rows[:MOST_SHOWN],
        "has_more": len(rows) > MOST_SHOWN,
    }
    return dict(shape(shown).data)
