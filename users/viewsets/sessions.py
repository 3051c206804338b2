"""Signing up and in, and looking after one's own sign-in."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.response import Response

from spendtrackr import throttles
from spendtrackr.viewsets import APIRequest, OpenViewSet, TenantViewSet, with_secrets
from users import operations, queries
from users import serializers as shapes
from users.authentication import client_name, throttle_guesses, throttle_mails
from users.models import Membership, Session, email_key


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
        return with_secrets(shapes.signed_in(signed_in), "access", "refresh")

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
