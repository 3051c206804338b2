"""Pages for signing in and out."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from spendtrackr import errors
from users import operations
from users.authentication import PAGE_SESSION_KEY, throttle_guesses
from users.forms import SignInForm
from users.models import Membership, SessionKind, email_key


def page(view: Callable[[HttpRequest, Membership], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """A page for members: hands the member in, or sends the visitor to sign in and back."""

    @functools.wraps(view)
    @never_cache
    @require_safe
    def shown(request: HttpRequest) -> HttpResponse:
        member: Membership | None = getattr(request, "membership", None)
        if member is None:
            return redirect(f"{reverse('sign-in')}?{urlencode({'next': request.get_full_path()})}")
        return view(request, member)

    return shown


def form_page(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A page with forms: like `page`, and a POST is let through only where this member may write at all."""

    @functools.wraps(view)
    @never_cache
    @require_http_methods(["GET", "HEAD", "POST"])
    def shown(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        member: Membership | None = getattr(request, "membership", None)
        if member is None:
            return redirect(f"{reverse('sign-in')}?{urlencode({'next': request.get_full_path()})}")
        if request.method == "POST":
            member.require_writable()
        return view(request, member, **kwargs)

    shown.methods = {"GET", "POST"}  # type: ignore[attr-defined]  # for whoever lists the routes
    return shown


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
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
    return render(
        request, "users/sign_in.html", {"form": form, "next": request.POST.get("next") or request.GET.get("next", "")}, status=status
    )


def _open(request: HttpRequest, given: dict[str, str]) -> HttpResponse:
    throttle_guesses(request, email_key(given["email"]))
    signed_in = operations.sign_in(given["email"], given["password"], at=timezone.now(), kind=SessionKind.PAGES)
    request.session.flush()
    request.session[PAGE_SESSION_KEY] = signed_in.session.public_id
    target = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return HttpResponseRedirect(target) if safe and target.startswith("/") else redirect("overview")


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    session = getattr(request, "page_session", None)
    if session is not None:
        operations.end_session(session, at=timezone.now())
    request.session.flush()
    return redirect("sign-in")
