"""Pages on which people come in: signing up, accepting an invitation, following a link that was mailed."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from spendtrackr import errors, throttles
from users import operations
from users.authentication import client_name, throttle_guesses, throttle_mails
from users.forms import AddressForm, CompanyForm, InvitedForm, NewcomerForm, OperationForm, OwnPasswordForm, ResetForm, SignUpForm
from users.models import Invitation, LinkPurpose, Membership, Session, SessionKind, email_key
from users.operations import SignedIn, SignUp
from users.views.session import enter, form_page, open_page


@open_page("GET", "POST")
def sign_up(request: HttpRequest) -> HttpResponse:
    """A company and its owner. Whoever is signed in founds another company instead."""
    if getattr(request, "membership", None):
        return redirect("new-company")
    _must_be_open()
    form = SignUpForm(request.POST or None)
    if form.is_valid():
        throttles.hit("signup", throttles.client_address(request), limit=30, seconds=3600)
        signed_in = form.take(_sign_up, client=client_name(request))
        if signed_in:
            enter(request, signed_in)
            messages.success(request, "Welcome. Your company is set up.")
            return redirect("overview")
    return render(request, "users/sign_up.html", {"form": form}, status=form.answer_status)


def _sign_up(*, client: str, **filled_in: Any) -> SignedIn:
    return operations.sign_up(SignUp(**filled_in), at=timezone.now(), kind=SessionKind.PAGES, client=client)


def _must_be_open() -> None:
    if not settings.SIGNUP_OPEN:
        raise errors.Forbidden("Sign-up is closed on this installation.", code="signup_closed")


@form_page
def new_company(request: HttpRequest, member: Membership) -> HttpResponse:
    """Another company of somebody who has an account."""
    _must_be_open()
    form = CompanyForm(request.POST or None)
    if form.is_valid():
        throttles.hit("found", member.user.email_key, limit=30, seconds=3600)
        founded = form.take(operations.found_company, user=member.user, at=timezone.now())
        if founded:
            messages.success(request, f"{founded.company.name} is set up. Switch to it below.")
            return redirect("account")
    return render(request, "users/new_company.html", {"form": form}, status=form.answer_status)


@open_page("GET", "POST")
def forgot_password(request: HttpRequest) -> HttpResponse:
    """The same answer whether or not the address has an account."""
    form = AddressForm(request.POST or None)
    if form.is_valid():
        throttle_mails(request, email_key(form.cleaned_data["email"]))
        operations.request_reset(form.cleaned_data["email"], at=timezone.now())
        messages.success(request, "If this address has an account, a link is on its way. It works once, for an hour.")
        return redirect("sign-in")
    return render(request, "users/forgot_password.html", {"form": form}, status=form.answer_status)


@open_page("GET", "POST")
def reset_password(request: HttpRequest) -> HttpResponse:
    token = _token(request)
    form = ResetForm(request.POST or None)
    try:
        operations.open_link(token, LinkPurpose.RESET, at=timezone.now())
    except operations.LinkDead as error:
        return render(request, "users/link_dead.html", {"message": error.message, "again": "forgot-password"}, status=400)
    if form.is_valid():
        form.take(operations.reset_password, secret=token, at=timezone.now())
        if form.is_valid():
            messages.success(request, "Your password is changed, and every session was ended. Sign in with the new one.")
            return redirect("sign-in")
    return render(request, "users/reset_password.html", {"form": form, "token": token}, status=form.answer_status)


def _token(request: HttpRequest) -> str:
    """From the link, then from the form behind it. Longer ones were never ours."""
    return (request.POST.get("token") or request.GET.get("token", ""))[:200]


@open_page("GET", "POST")
def confirm_address(request: HttpRequest) -> HttpResponse:
    """A button behind the link, because programs that scan mail for harm follow links."""
    token = _token(request)
    try:
        if request.method == "POST":
            operations.confirm_address(token, at=timezone.now())
            messages.success(request, "Thank you. Your address is confirmed.")
            return redirect("overview")
        operations.open_link(token, LinkPurpose.CONFIRM, at=timezone.now())
    except operations.LinkDead:
        message = (
            "This link is unknown, used or expired. If you followed it before, your address is confirmed; else sign in and ask for another."
        )
        return render(request, "users/link_dead.html", {"message": message, "again": ""}, status=400)
    return render(request, "users/confirm_address.html", {"token": token})


@open_page("GET", "POST")
def accept_invitation(request: HttpRequest) -> HttpResponse:
    """Asks a newcomer for a name and a password, somebody with an account for its password, and its own person for a click.

    The link that was copied asks everybody for the same: its holder need not be the invited person, and learns of no account.
    """
    token = _token(request)
    try:
        invitation = operations.open_invitation(token, at=timezone.now())
    except operations.InvitationDead as error:
        return render(request, "users/link_dead.html", {"message": error.message, "again": ""}, status=400)
    asking = _asking(request, invitation)
    form = _acceptance_form(invitation, token, asking)(request.POST if request.method == "POST" else None)
    if form.is_valid() and (signed_in := _accept(request, form, invitation, token, asking)):
        enter(request, signed_in)
        messages.success(request, f"Welcome to {invitation.company.name}.")
        return redirect("overview")
    proven = asking.membership.user if asking else None
    context = {"form": form, "token": token, "invitation": invitation, "proven": proven, "kind": type(form).__name__}
    return render(request, "users/accept_invitation.html", context, status=form.answer_status)


def _asking(request: HttpRequest, invitation: Invitation) -> Session | None:
    """The browser's session, if it is signed in as the invited person."""
    session: Session | None = getattr(request, "page_session", None)
    return session if session and session.membership.user.email_key == invitation.email_key else None


def _acceptance_form(invitation: Invitation, token: str, asking: Session | None) -> type[OperationForm]:
    if asking:
        return OperationForm
    if not operations.was_mailed(invitation, token):
        return InvitedForm
    return OwnPasswordForm if operations.has_account(invitation) else NewcomerForm


def _accept(request: HttpRequest, form: OperationForm, invitation: Invitation, token: str, asking: Session | None) -> SignedIn | None:
    if not asking:
        throttle_guesses(request, invitation.email_key)
    known = {"secret": token, "asking": asking, "at": timezone.now(), "kind": SessionKind.PAGES, "client": client_name(request)}
    asked = {name: "" for name in ("name", "password") if name not in form.fields}
    return form.take(operations.accept, **known, **asked)
