"""Signing up and in, looking after one's own sign-in, and the people of a company."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.urls import reverse
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
from users.authentication import client_name, throttle_guesses, throttle_invitations, throttle_mails
from users.filters import MemberFilter, NotificationFilter
from users.models import Invitation, Membership, Notification, NotificationPreference, Session, email_key
from users.notices import Kind


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
        signed_in = operations.sign_up(form, at=timezone.now(), client=client_name(request))
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
        at, client = timezone.now(), client_name(request)
        signed_in = operations.sign_in(body["email"], body["password"], company=body["company"], at=at, client=client)
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
        signed_in = operations.accept(**_secret(body), at=timezone.now(), client=client_name(request))
        return Response(shapes.signed_in(signed_in), status=201)

    @extend_schema(
        summary="Ask for a new password",
        description="Mails a link that works once, for an hour. The answer is the same whether or not the address has an account.",
        request=shapes.AddressBody,
        responses={202: shapes.MailedSerializer},
    )
    @action(detail=False, methods=["post"], url_path="password-reset")
    def password_reset(self, request: APIRequest) -> Response:
        email = self.body(shapes.AddressBody)["email"]
        throttle_mails(request, email_key(email))
        operations.request_reset(email, at=timezone.now())
        return Response({"message": "If this address has an account, a link is on its way. It works once, for an hour."}, status=202)

    @extend_schema(
        summary="Choose a new password",
        description="With the token of a mailed link. Ends every session of the person, and confirms their address.",
        request=shapes.ResetBody,
        responses={204: None},
    )
    @action(detail=False, methods=["post"], url_path="password-reset/confirm")
    def password_reset_confirm(self, request: APIRequest) -> Response:
        operations.reset_password(**_secret(self.body(shapes.ResetBody)), at=timezone.now())
        return Response(status=204)

    @extend_schema(
        summary="Confirm an address", description="With the token of a mailed link.", request=shapes.LinkBody, responses={204: None}
    )
    @action(detail=False, methods=["post"], url_path="confirm-address")
    def confirm_address(self, request: APIRequest) -> Response:
        operations.confirm_address(self.body(shapes.LinkBody)["token"], at=timezone.now())
        return Response(status=204)


def _secret(body: dict[str, Any]) -> dict[str, Any]:
    """The body as operations take it: what travels as `token` is a secret."""
    return {"secret": body.pop("token"), **body}


@extend_schema(tags=["auth"])
class MeViewSet(TenantViewSet):
    """The session that asks, and whose it is."""

    serializer_class = shapes.MeSerializer
    model = Membership
    rules = dict.fromkeys(["me", "change_profile", "logout", "password", "switch", "resend_confirmation"], "profile.own")
    always_writable = True

    def rows(self) -> QuerySet[Any]:
        return Membership.objects.filter(pk=self.request.membership.pk)

    def before_transaction(self) -> None:
        """Attempts count, whatever becomes of the transaction."""
        if self.action == "password":
            throttle_guesses(self.request, self.request.membership.user.email_key)
        elif self.action == "resend_confirmation":
            throttle_mails(self.request, self.request.membership.user.email_key)

    @extend_schema(summary="Who am I", responses={200: shapes.MeSerializer})
    @action(detail=False, methods=["get"])
    def me(self, request: APIRequest) -> Response:
        return self.reply(request.membership)

    @extend_schema(
        summary="Change your name, or how pages write dates and amounts for you",
        description="In all your companies. What you do not name stays.",
        request=shapes.ProfileBody,
        responses={200: shapes.MeSerializer},
    )
    @me.mapping.patch
    def change_profile(self, request: APIRequest) -> Response:
        return self.reply(operations.change_profile(request.membership, **self.body(shapes.ProfileBody), at=timezone.now()))

    @extend_schema(
        summary="Sign out", description="Ends this session at once, its access token included.", request=None, responses={204: None}
    )
    @action(detail=False, methods=["post"], takes_body=False)
    def logout(self, request: APIRequest) -> Response:
        operations.end_session(request.session, at=timezone.now())
        return Response(status=204)

    @extend_schema(
        summary="Change your password",
        description="Ends all your other sessions, in all your companies. This one goes on.",
        request=shapes.PasswordBody,
        responses={204: None},
    )
    @action(detail=False, methods=["post"])
    def password(self, request: APIRequest) -> Response:
        operations.change_password(request.session, **self.body(shapes.PasswordBody), at=timezone.now())
        return Response(status=204)

    @extend_schema(
        summary="Switch to another of your companies",
        description="Answers a new session and its tokens. The session that asks stays as it is.",
        request=shapes.SwitchBody,
        responses={200: shapes.SignedInSerializer},
    )
    @action(detail=False, methods=["post"])
    def switch(self, request: APIRequest) -> Response:
        company = self.body(shapes.SwitchBody)["company"]
        signed_in = operations.switch(request.session, company, at=timezone.now(), client=client_name(request))
        return _with_secrets(shapes.signed_in(signed_in), "access", "refresh")

    @extend_schema(
        summary="Mail the link that confirms your address again",
        description="409 when it is confirmed.",
        request=None,
        responses={202: shapes.MailedSerializer},
    )
    @action(detail=False, methods=["post"], url_path="confirm-address/resend", takes_body=False)
    def resend_confirmation(self, request: APIRequest) -> Response:
        operations.request_confirmation(request.membership, at=timezone.now())
        return Response({"message": "A link is on its way. It works once, for seven days."}, status=202)


def _with_secrets(shown: dict[str, Any], *secrets: str, status: int = 200) -> Response:
    """An answer whose secrets are shown once: a replay masks them."""
    response = Response(shown, status=status)
    response.secrets = set(secrets)  # type: ignore[attr-defined]
    return response


@extend_schema_view(list=extend_schema(summary="List your sessions", description="Where you are signed in, in all your companies."))
@extend_schema(tags=["auth"])
class SessionViewSet(ListModelMixin, TenantViewSet):
    serializer_class = shapes.SessionSerializer
    model = Session
    rules = dict.fromkeys(["list", "revoke", "revoke_others"], "profile.own")
    always_writable = True

    def rows(self) -> QuerySet[Any]:
        return queries.open_sessions(self.request.membership.user, at=timezone.now())

    @extend_schema(
        summary="End one of your sessions", description="At once, its access token included.", request=None, responses={204: None}
    )
    @action(detail=True, methods=["post"], takes_body=False)
    def revoke(self, request: APIRequest, public_id: str) -> Response:
        operations.end_session(self.get_object(), at=timezone.now(), because="revoked")
        return Response(status=204)

    @extend_schema(summary="End all your other sessions", description="In all your companies.", request=None, responses={204: None})
    @action(detail=False, methods=["post"], url_path="revoke-others", takes_body=False)
    def revoke_others(self, request: APIRequest) -> Response:
        operations.end_other_sessions(request.session, at=timezone.now())
        return Response(status=204)


@extend_schema(tags=["auth"])
class FoundingViewSet(TenantViewSet):
    """Another company of somebody who has an account."""

    serializer_class = shapes.FoundedSerializer
    model = Membership
    rules = {"create": "profile.own"}

    def rows(self) -> QuerySet[Any]:
        return Membership.objects.filter(pk=self.request.membership.pk)

    def before_transaction(self) -> None:
        throttles.hit("found", self.request.membership.user.email_key, limit=30, seconds=3600)

    @extend_schema(
        summary="Found another company",
        description="You own it. Nothing is switched: `/auth/switch/` leads there.",
        request=shapes.CompanyBody,
        responses={201: shapes.FoundedSerializer},
    )
    def create(self, request: APIRequest) -> Response:
        body = self.body(shapes.CompanyBody)
        return self.reply(operations.found_company(request.membership.user, **body, at=timezone.now()), status=201)


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
        description="Mails a link, and answers another one, this once, to hand over. An open invitation of the same address is replaced.",
        request=shapes.InvitationBody,
        responses={201: shapes.NewInvitationSerializer},
    ),
)
@extend_schema(tags=["people"])
class InvitationViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet):
    serializer_class = shapes.InvitationSerializer
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
        return _with_secrets({**shapes.InvitationSerializer(invitation).data, "token": token, "link": link}, "token", "link", status=status)


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


@extend_schema_view(
    list=extend_schema(summary="List what you were told", description="The newest first, without what you chose to leave out of the feed.")
)
@extend_schema(tags=["notifications"])
class NotificationViewSet(ListModelMixin, TenantViewSet):
    """One's own, and nobody else's."""

    serializer_class = shapes.NotificationSerializer
    filterset_class = NotificationFilter
    model = Notification
    rules = dict.fromkeys(["list", "read", "read_all"], "notifications.own")
    always_writable = True

    def rows(self) -> QuerySet[Any]:
        return queries.feed(self.request.membership).select_related("event")

    @extend_schema(summary="Mark one as read", request=None, responses={200: shapes.NotificationSerializer})
    @action(detail=True, methods=["post"], takes_body=False)
    def read(self, request: APIRequest, public_id: str) -> Response:
        return self.reply(operations.read(self.get_object(), at=timezone.now()))

    @extend_schema(
        operation_id="notifications_read_all",
        summary="Mark all as read",
        description="Or all up to the newest that was seen, so that what came meanwhile stays new.",
        request=shapes.ReadUpToBody,
        responses={200: shapes.ReadSerializer},
    )
    @action(detail=False, methods=["post"], url_path="read")
    def read_all(self, request: APIRequest) -> Response:
        named = self.body(shapes.ReadUpToBody).get("up_to")
        up_to = self.named(self.rows(), named, "up_to")
        return Response({"read": operations.read_all(request.membership, up_to=up_to, at=timezone.now())})


@extend_schema(tags=["notifications"])
class PreferencesViewSet(TenantViewSet):
    """One object without an id: how whoever asks wants to be told."""

    serializer_class = shapes.PreferencesSerializer
    model = NotificationPreference
    rules = dict.fromkeys(["retrieve", "partial_update"], "notifications.own")
    always_writable = True

    def rows(self) -> QuerySet[Any]:
        return NotificationPreference.objects.filter(membership=self.request.membership)

    def _now(self) -> dict[str, Any]:
        return {kind.value: choice for kind, choice in queries.choices_of(self.request.membership).items()}

    @extend_schema(summary="Show how you are told", responses={200: shapes.PreferencesSerializer})
    def retrieve(self, request: APIRequest) -> Response:
        return self.reply(self._now())

    @extend_schema(
        summary="Choose how you are told",
        description="Each kind that you name, and of it what you name; the others stay. Mails that wait follow a `never`.",
        request=shapes.PreferencesBody,
        responses={200: shapes.PreferencesSerializer},
    )
    def partial_update(self, request: APIRequest) -> Response:
        now = queries.choices_of(request.membership)
        chosen = {Kind(name): replace(now[Kind(name)], **changes) for name, changes in self.body(shapes.PreferencesBody).items()}
        operations.choose(request.membership, chosen, at=timezone.now())
        return self.reply(self._now())
