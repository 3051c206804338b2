"""One's own page: name, password, where one is signed in, and which companies one belongs to."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from spendtrackr import errors
from users import operations, queries
from users.authentication import client_name, throttle_guesses, throttle_mails
from users.forms import PagesForm, PasswordForm, ProfileForm
from users.models import Membership, Session, SessionKind
from users.views.session import enter, own_page


@own_page("GET", "POST")
def account(request: HttpRequest, member: Membership) -> HttpResponse:
    """Three forms on one page; each says by its button that it was sent."""
    sent = request.POST if request.method == "POST" else None
    profile = ProfileForm(sent if sent and "rename" in sent else None, initial={"name": member.user.name})
    password = PasswordForm(sent if sent and "change_password" in sent else None)
    pages = PagesForm(sent if sent and "choose_pages" in sent else None, initial=_pages_of(member))
    if profile.is_valid() and _changed(member, profile):
        messages.success(request, "Your name is changed.")
        return redirect("account")
    if password.is_valid() and _change_password(request, password):
        messages.success(request, "Your password is changed. Every other session was ended.")
        return redirect("account")
    if pages.is_valid() and _changed(member, pages):
        messages.success(request, "Saved. Pages behave that way from now on.")
        return redirect("account")
    context = {"nav": "account", "profile": profile, "password": password, "pages": pages, **_shown(request, member)}
    return render(request, "users/account.html", context, status=max(form.answer_status for form in (profile, password, pages)))


def _changed(member: Membership, form: ProfileForm | PagesForm) -> bool:
    form.take(operations.change_profile, member=member, at=timezone.now())
    return form.is_valid()


def _pages_of(member: Membership) -> dict[str, Any]:
    return {"uses_keys": member.user.uses_keys, "locale": member.user.locale}


def _change_password(request: HttpRequest, form: PasswordForm) -> bool:
    session: Session = request.page_session  # type: ignore[attr-defined]
    form.take(_guess, request=request, session=session)
    return form.is_valid()


def _guess(*, request: HttpRequest, session: Session, current: str, new: str) -> None:
    throttle_guesses(request, session.membership.user.email_key)
    operations.change_password(session, current=current, new=new, at=timezone.now())


def _shown(request: HttpRequest, member: Membership) -> dict[str, Any]:
    here = request.page_session  # type: ignore[attr-defined]
    sessions = queries.open_sessions(member.user, at=timezone.now()).order_by("-id")[:100]
    return {
        "sessions": [(session, _device(session), session.pk == here.pk) for session in sessions],
        "memberships": [(mine, mine.pk == member.pk) for mine in queries.memberships(member.user).order_by("company__name", "id")],
        "signup_open": settings.SIGNUP_OPEN,
    }


# The more particular first: Edge and Opera call themselves Chrome, and Chrome calls itself Safari.
_PROGRAMS = {"Edg": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari", "curl/": "curl"}
_SYSTEMS = {"iPhone": "iPhone", "iPad": "iPad", "Android": "Android", "Windows": "Windows", "Mac OS": "macOS", "Linux": "Linux"}


def _device(session: Session) -> str:
    """What people recognise their browser by; for any other program, what it calls itself."""
    program = next((name for mark, name in _PROGRAMS.items() if mark in session.client), "")
    system = next((name for mark, name in _SYSTEMS.items() if mark in session.client), "")
    return " on ".join(filter(None, [program, system])) or session.client[:60] or "An unnamed program"


@own_page("POST")
def revoke_session(request: HttpRequest, member: Membership, public_id: str) -> HttpResponse:
    session = queries.open_sessions(member.user, at=timezone.now()).filter(public_id=public_id).first()
    if session is None:
        raise errors.Missing
    operations.end_session(session, at=timezone.now(), because="revoked")
    messages.success(request, "That session was ended.")
    return redirect("account")


@own_page("POST")
def revoke_other_sessions(request: HttpRequest, member: Membership) -> HttpResponse:
    operations.end_other_sessions(request.page_session, at=timezone.now())  # type: ignore[attr-defined]
    messages.success(request, "Every other session was ended.")
    return redirect("account")


@own_page("POST")
def switch_company(request: HttpRequest, member: Membership) -> HttpResponse:
    """The browser leaves one company for another: its session there ends."""
    at, client = timezone.now(), client_name(request)
    signed_in = operations.switch(request.page_session, request.POST.get("company", ""), at=at, kind=SessionKind.PAGES, client=client)  # type: ignore[attr-defined]
    enter(request, signed_in)
    messages.success(request, f"You are in {signed_in.member.company.name} now.")
    return redirect("overview")


@own_page("POST")
def resend_confirmation(request: HttpRequest, member: Membership) -> HttpResponse:
    throttle_mails(request, member.user.email_key)
    operations.request_confirmation(member, at=timezone.now())
    messages.success(request, f"A link is on its way to {member.user.email}.")
    return redirect("account")
