"""The people of a company, whom it invites, and its departments."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response

from companies.filters import NamedFilter
from companies.models import Department
from spendtrackr.pagination import ordered
from spendtrackr.viewsets import APIRequest, TenantViewSet, with_secrets
from users import operations, queries
from users import serializers as shapes
from users.authentication import throttle_invitations
from users.filters import InvitationFilter, MemberFilter
from users.models import Invitation, Membership, email_key


def place(view: TenantViewSet, body: dict[str, Any]) -> dict[str, Any]:
    """The body with the manager and the department that it names as rows."""
    if "manager" in body:
        body["manager"] = view.named(Membership.objects.visible_to(view.request.membership).active(), body["manager"], "manager")
    if "department" in body:
        body["department"] = view.named(Department.objects.filter(archived_at=None), body["department"], "department")
    return body


@extend_schema_view(
    list=extend_schema(
        summary="List members", description="Everybody for those who see the company, else yourself and the people below you."
    ),
    retrieve=extend_schema(summary="Show a member"),
    partial_update=extend_schema(
        summary="Change a member's role, manager or department",
        description="Owners change everybody, admins everybody but owners. At least one active owner remains.",
        request=shapes.MemberChangesBody,
        responses={200: shapes.MemberSerializer},
    ),
)
@extend_schema(tags=["people"])
class MemberViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet):
    serializer_class = shapes.MemberSerializer
    filterset_class = MemberFilter
    model = Membership
    # By name without an index: a company's people are thousands at most.
    orderings = ordered(name="user__name")
    rules = {"list": "people.see", "retrieve": "people.see", "partial_update": "people.change"}

    def rows(self) -> QuerySet[Any]:
        return Membership.objects.visible_to(self.request.membership).with_names()

    def partial_update(self, request: APIRequest, public_id: str) -> Response:
        member, changes = self.get_object(), place(self, self.body(shapes.MemberChangesBody))
        member = operations.change_member(member, changes, actor=request.membership, at=timezone.now())
        return self.reply(self.rows().get(pk=member.pk))


@extend_schema_view(
    list=extend_schema(summary="List invitations"),
    retrieve=extend_schema(summary="Show an invitation"),
    create=extend_schema(
        summary="Invite somebody",
        description="Mails a link, and answers another one, this once, to hand over. An open invitation of the same address is replaced.",
        request=shapes.InvitationBody,
        responses={201: shapes.NewInvitationSerializer},
    ),
)
@extend_schema(tags=["people"])
class InvitationViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet):
    serializer_class = shapes.InvitationSerializer
    filterset_class = InvitationFilter
    model = Invitation
    rules = dict.fromkeys(["list", "retrieve", "create", "resend", "revoke"], "people.invite")

    def rows(self) -> QuerySet[Any]:
        return Invitation.objects.select_related("invited_by", "manager", "department")

    def before_transaction(self) -> None:
        """Every invitation is a mail to somebody who did not ask for it."""
        if self.action == "create":
            throttle_invitations(self.request.membership, email_key(self.body(shapes.InvitationBody)["email"]))
        elif self.action == "resend":
            throttle_invitations(self.request.membership, self.get_object().email_key)

    def create(self, request: APIRequest) -> Response:
        body = place(self, self.body(shapes.InvitationBody))
        return self._told(*operations.invite(**body, actor=request.membership, at=timezone.now()), status=201)

    @extend_schema(
        summary="Send an invitation again",
        description="With new links and a fresh term; the ones before open nothing any more.",
        request=None,
        responses={200: shapes.NewInvitationSerializer},
    )
    @action(detail=True, methods=["post"], takes_body=False)
    def resend(self, request: APIRequest, public_id: str) -> Response:
        return self._told(*operations.resend(self.get_object(), actor=request.membership, at=timezone.now()), status=200)

    @extend_schema(summary="Take an invitation back", request=None, responses={200: shapes.InvitationSerializer})
    @action(detail=True, methods=["post"], takes_body=False)
    def revoke(self, request: APIRequest, public_id: str) -> Response:
        return self.reply(operations.revoke(self.get_object(), actor=request.membership, at=timezone.now()))

    def _told(self, invitation: Invitation, token: str, *, status: int) -> Response:
        link = self.request.build_absolute_uri(f"{reverse('accept-invitation')}?{urlencode({'token': token})}")
        return with_secrets({**shapes.InvitationSerializer(invitation).data, "token": token, "link": link}, "token", "link", status=status)


@extend_schema_view(
    list=extend_schema(summary="List departments", description="A tree: `parent` is the department that one lies inside. Newest first."),
    retrieve=extend_schema(summary="Show a department"),
    create=extend_schema(summary="Add a department", request=shapes.NewDepartmentBody, responses={201: shapes.DepartmentSerializer}),
    partial_update=extend_schema(
        summary="Change, move or archive a department",
        description="Its head is an active member. It is archived once nothing and nobody is inside: else 409.",
        request=shapes.DepartmentChangesBody,
        responses={200: shapes.DepartmentSerializer},
    ),
)
@extend_schema(tags=["departments"])
class DepartmentViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet):
    """Here and not in `companies`, because a department has a head and people in it."""

    serializer_class = shapes.DepartmentSerializer
    filterset_class = NamedFilter
    model = Department
    orderings = ordered(name="name_key")  # departments_one_name
    rules = {
        "list": "departments.see",
        "retrieve": "departments.see",
        "create": "departments.change",
        "partial_update": "departments.change",
    }

    def rows(self) -> QuerySet[Any]:
        return queries.departments()

    def _with_rows(self, body: dict[str, Any]) -> dict[str, Any]:
        """The body with the parent and the head that it names as rows."""
        if "parent" in body:
            body["parent"] = self.named(Department.objects.filter(archived_at=None), body["parent"], "parent")
        if "head" in body:
            body["head"] = self.named(Membership.objects.visible_to(self.request.membership).active(), body["head"], "head")
        return body

    def create(self, request: APIRequest) -> Response:
        body = self._with_rows(self.body(shapes.NewDepartmentBody))
        department = operations.add_department(**body, actor=request.membership, at=timezone.now())
        return self.reply(self.rows().get(pk=department.pk), status=201)

    def partial_update(self, request: APIRequest, public_id: str) -> Response:
        department, changes = self.get_object(), self._with_rows(self.body(shapes.DepartmentChangesBody))
        operations.change_department(department, changes, actor=request.membership, at=timezone.now())
        return self.reply(self.rows().get(pk=department.pk))
