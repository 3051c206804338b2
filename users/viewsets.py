"""Signing up and in, and the people of a company."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response

from companies.models import Department
from spendtrackr import throttles
from spendtrackr.viewsets import APIRequest, OpenViewSet, TenantViewSet
from users import operations, queries
from users import serializers as shapes
from users.authentication import throttle_guesses
from users.filters import MemberFilter
from users.models import Invitation, Membership, email_key


@extend_schema(tags=["auth"])
class AuthViewSet(OpenViewSet):
    """Routes that open, renew or end a session."""

    @extend_schema(
        summary="Sign up a company",
        description="Creates the company and its owner together. A second company of the same person is not made here.",
        request=shapes.SignUpBody,
        responses={201: shapes.SignedInSerializer},
    )
    @action(detail=False, methods=["post"])
    def signup(self, request: APIRequest) -> Response:
        throttles.hit("signup", throttles.client_address(request), limit=30, seconds=3600)
        form = operations.SignUp(**self.body(shapes.SignUpBody))
        signed_in = operations.sign_up(form, at=timezone.now())
        return Response(shapes.signed_in(signed_in), status=201)

    @extend_schema(
        summary="Sign in",
        description="Answers a short-lived access token and a single-use refresh token.",
        request=shapes.LoginBody,
        responses={200: shapes.SignedInSerializer},
    )
    @action(detail=False, methods=["post"])
    def login(self, request: APIRequest) -> Response:
        body = self.body(shapes.LoginBody)
        throttle_guesses(request, email_key(body["email"]))
        signed_in = operations.sign_in(body["email"], body["password"], company=body["company"], at=timezone.now())
        return Response(shapes.signed_in(signed_in))

    @extend_schema(
        summary="Renew the tokens",
        description="A refresh token works once. If it comes a second time, somebody copied it, and the session ends for both.",
        request=shapes.RefreshBody,
        responses={200: shapes.SignedInSerializer},
    )
    @action(detail=False, methods=["post"])
    def refresh(self, request: APIRequest) -> Response:
        signed_in = operations.refresh(self.body(shapes.RefreshBody)["refresh"], at=timezone.now())
        return Response(shapes.signed_in(signed_in))

    @extend_schema(
        summary="Accept an invitation",
        request=shapes.AcceptBody,
        responses={201: shapes.SignedInSerializer},
    )
    @action(detail=False, methods=["post"], url_path="accept-invitation")
    def accept_invitation(self, request: APIRequest) -> Response:
        body = self.body(shapes.AcceptBody)
        # The account is what is guessed at, so it is the account that is counted, whatever number of invitations lead to it.
        throttle_guesses(request, operations.open_invitation(body["token"], at=timezone.now()).email_key)
        signed_in = operations.accept(body["token"], name=body["name"], password=body["password"], at=timezone.now())
        return Response(shapes.signed_in(signed_in), status=201)


@extend_schema(tags=["auth"])
class MeViewSet(TenantViewSet):
    """The session that asks."""

    serializer_class = shapes.MeSerializer
    model = Membership
    rules = {"me": "people.see", "logout": "people.see"}
    always_writable = True

    def rows(self) -> QuerySet[Any]:
        return Membership.objects.filter(pk=self.request.membership.pk)

    @extend_schema(summary="Who am I", responses={200: shapes.MeSerializer})
    @action(detail=False, methods=["get"])
    def me(self, request: APIRequest) -> Response:
        return self.reply(request.membership)

    @extend_schema(
        summary="Sign out", description="Ends this session at once, its access token included.", request=None, responses={204: None}
    )
    @action(detail=False, methods=["post"])
    def logout(self, request: APIRequest) -> Response:
        operations.end_session(request.session, at=timezone.now())
        return Response(status=204)


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
        description="The answer holds the token, this once. An open invitation of the same address is replaced.",
        request=shapes.InvitationBody,
        responses={201: shapes.NewInvitationSerializer},
    ),
)
@extend_schema(tags=["people"])
class InvitationViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet):
    serializer_class = shapes.InvitationSerializer
    model = Invitation
    rules = {"list": "people.invite", "retrieve": "people.invite", "create": "people.invite"}

    def rows(self) -> QuerySet[Any]:
        return Invitation.objects.select_related("invited_by")

    def create(self, request: APIRequest) -> Response:
        body = place(self, self.body(shapes.InvitationBody))
        invitation, token = operations.invite(**body, actor=request.membership, at=timezone.now())
        response = Response({**shapes.InvitationSerializer(invitation).data, "token": token}, status=201)
        response.secrets = {"token"}  # type: ignore[attr-defined]
        return response


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
    model = Department
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
