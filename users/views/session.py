"""Who may see a page at all; signing in and out."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.middleware.csrf import rotate_token
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from spendtrackr import errors, locales
from users import operations
from users.authentication import PAGE_SESSION_KEY, client_name, throttle_guesses
from users.forms import SignInForm
from users.models import Membership, SessionKind, email_key
from users.operations import SignedIn

View = Callable[..., HttpResponseBase]


def page(view: View) -> View:
    """A page for members: hands the member in, or sends the visitor to sign in and back."""
    return _for_members(view, "GET")


def form_page(view: View) -> View:
    """A page that takes a form, too: unless the company is suspended or the address unconfirmed."""
    return _for_members(view, "GET", "POST")


def own_page(*methods: str) -> Callable[[View], View]:
    """A page on which somebody looks after their own sign-in, which a suspended company does not stop."""
    return lambda view: _for_members(view, *methods, always_writable=True)


def open_page(*methods: str) -> Callable[[View], View]:
    """A page for everybody, signed in or not, written as its reader writes.

    `never_cache` keeps it out of every store, so no answer is given to a reader of another region and none needs a `Vary`.
    """

    def opened(view: View) -> View:
        @functools.wraps(view)
        def written(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            with locales.reading(_region_of(request)):
                return view(request, *args, **kwargs)

        shown = functools.wraps(view)(never_cache(sensitive_post_parameters()(require_http_methods(_with_head(methods))(written))))
        shown.methods = methods  # type: ignore[attr-defined]  # for whoever lists the routes
        return shown

    return opened


def _region_of(request: HttpRequest) -> str:
    member: Membership | None = getattr(request, "membership", None)
    return (member and member.user.locale) or locales.accepted(request.headers.get("Accept-Language", ""))


def action(view: Callable[..., str | None]) -> View:
    """A button of a page: does one thing, says what became of it, and leads back to where it was pressed.

    A refusal that a person can mend is said there too; what they may not do, or not know of, is an error page.
    """

    @functools.wraps(view)
    def done(request: HttpRequest, member: Membership, **kwargs: Any) -> HttpResponse:
        try:
            if said := view(request, member, **kwargs):
                messages.success(request, said)
        except errors.DomainError as error:
            if error.status not in _MENDABLE:
                raise
            messages.error(request, error.message)
        return HttpResponseRedirect(next_of(request) or reverse("overview"))

    return _for_members(done, "POST")


_MENDABLE = {400, 409, 412, 413}


def next_of(request: HttpRequest) -> str:
    """Where a form wants to lead, if that is an address of ours; else blank."""
    target = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return target if safe and target.startswith("/") else ""


def _for_members(view: View, *methods: str, always_writable: bool = False) -> View:
    @functools.wraps(view)
    @open_page(*methods)
    def shown(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        member: Membership | None = getattr(request, "membership", None)
        if member is None:
            back = {"next": request.get_full_path()} if request.method in {"GET", "HEAD"} else {}
            return redirect(f"{reverse('sign-in')}?{urlencode(back)}")
        if request.method == "POST" and not always_writable:
            member.require_writable()
        # People read times as their company's clocks show them.
        with timezone.override(member.company.zone_at(timezone.now())):
            return view(request, member, *args, **kwargs)

    return shown


def _with_head(methods: tuple[str, ...]) -> list[str]:
    return [*methods, *(["HEAD"] if "GET" in methods else [])]


def enter(request: HttpRequest, signed_in: SignedIn) -> None:
    """Make the browser stand for this session; the one that it stood for ends."""
    before = getattr(request, "page_session", None)
    if before is not None:
        operations.end_session(before, at=timezone.now(), because="switched")
    request.session.flush()
    # Whoever saw a form of before sends none in the name of who is here now.
    rotate_token(request)
    request.session[PAGE_SESSION_KEY] = signed_in.session.public_id


@open_page("GET", "POST")
def sign_in(request: HttpRequest) -> HttpResponse:
    form = SignInForm(request.POST or None)
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            return _open(request, form.cleaned_data)
        except errors.DomainError as error:
            form.add_error(None, error.message)
            form.focus("password")
            status = error.status
    following = request.POST.get("next") or request.GET.get("next", "")
    return render(request, "users/sign_in.html", {"form": form, "next": following, "signup_open": settings.SIGNUP_OPEN}, status=status)


def _open(request: HttpRequest, given: dict[str, str]) -> HttpResponse:
    throttle_guesses(request, email_key(given["email"]))
    at, client = timezone.now(), client_name(request)
    enter(request, operations.sign_in(given["email"], given["password"], at=at, kind=SessionKind.PAGES, client=client))
    return HttpResponseRedirect(next_of(request) or reverse("overview"))


@open_page("POST")
def sign_out(request: HttpRequest) -> HttpResponse:
    session = getattr(request, "page_session", None)
    if session is not None:
        operations.end_session(session, at=timezone.now())
    request.session.flush()
    return redirect("sign-in")
