"""The people of a company, and one of them. Here and not in `users`, because leaving freezes cards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from cards import operations as cards
from cards.forms import Choices, InviteForm, PlaceForm
from cards.models import Card
from companies.models import Department
from companies.queries import department_choices
from spendtrackr import errors
from spendtrackr.forms import show_refusal
from spendtrackr.permissions import find, require
from users import operations, permissions
from users.authentication import throttle_invitations
from users.filters import MemberFilter
from users.models import Invitation, Membership, MembershipStatus, email_key
from users.roles import Role
from users.views import form_page

F = TypeVar("F", bound=PlaceForm)

PAGE_SIZE = 50
_LABELS = {"q": "Search", "status": "Status", "role": "Role", "department": "Department", "manager": "Manager"}


@form_page
def people(request: HttpRequest, member: Membership) -> HttpResponse:
    """Everybody whom the member may see; who may invite does it here."""
    if request.method != "POST":
        return _list(request, member)
    require("people.invite", member)
    answer = _INVITING.get(request.POST.get("do", ""))
    if answer is None:
        raise errors.Invalid("This form asks for nothing that we know.")
    return answer(request, member)


def _list(request: HttpRequest, member: Membership, *, form: InviteForm | None = None, link: str = "", status: int = 200) -> HttpResponse:
    filters = MemberFilter(request.GET, Membership.objects.visible_to(member).with_names())
    problems = [] if filters.is_valid() else [f"{_LABELS.get(name, name)}: {found[0]}" for name, found in filters.errors.items()]
    found = filters.qs if not problems else Membership.objects.none()
    page = Paginator(found.order_by("user__name", "pk"), PAGE_SIZE).get_page(request.GET.get("page"))
    given = {name: value for name, value in request.GET.items() if name != "page" and value}
    departments = department_choices(list(Department.objects.filter(archived_at=None)))
    inviting = _inviting(member, departments, form, link) if member.may("people.invite") else {}
    context = {
        "nav": "people",
        "page": page,
        "rows": list(page),
        "older": f"?{urlencode({**given, 'page': page.next_page_number()})}" if page.has_next() else "",
        "newer": f"?{urlencode({**given, 'page': page.previous_page_number()})}" if page.has_previous() else "",
        "given": given,
        "problems": problems,
        "departments": departments,
        "statuses": MembershipStatus.choices,
        **inviting,
    }
    return render(request, "users/people.html", context, status=400 if problems else status)


def _inviting(member: Membership, departments: Choices, form: InviteForm | None, link: str) -> dict[str, Any]:
    """The panel of whoever may invite: the form, the link of the invitation just made, and what is still open."""
    now = timezone.now()
    waiting = Invitation.objects.filter(open_email_key__isnull=False).order_by("-id")[:PAGE_SIZE]
    return {
        "invite": form or _invite_form(member, departments=departments),
        "is_inviting": bool(form and form.errors),
        "link": link,
        "invitations": [(invitation, invitation.status_at(now)) for invitation in waiting],
    }


def _invite_form(member: Membership, data: Any = None, *, departments: Choices) -> InviteForm:
    return _roles_to_give(InviteForm(data, managers=_managers(member), departments=departments), member)


def _roles_to_give(form: F, member: Membership) -> F:
    """Without the roles that this member may not hand out."""
    allowed = [(role, label) for role, label in Role.choices if permissions.may_make(member, role)]
    form.fields["role"].choices = allowed  # type: ignore[attr-defined]
    return form


def _managers(member: Membership) -> Choices:
    active = Membership.objects.visible_to(member).active().order_by("user__name", "pk")
    return list(active.values_list("public_id", "user__name"))


def _placed(form: PlaceForm) -> dict[str, Any]:
    """What was chosen, with the manager and the department as rows."""
    chosen = dict(form.cleaned_data)
    chosen["manager"] = Membership.objects.filter(public_id=chosen["manager"]).first()
    chosen["department"] = Department.objects.filter(public_id=chosen["department"]).first()
    return chosen


def _invite(request: HttpRequest, member: Membership) -> HttpResponse:
    form = _invite_form(member, request.POST, departments=department_choices(list(Department.objects.filter(archived_at=None))))
    if form.is_valid():
        throttle_invitations(member, email_key(form.cleaned_data["email"]))
        try:
            _, token = operations.invite(**_placed(form), actor=member, at=timezone.now())
            return _show_link(request, member, token)
        except errors.DomainError as error:
            show_refusal(form, error)
    return _list(request, member, form=form, status=400)


def _show_link(request: HttpRequest, member: Membership, token: str) -> HttpResponse:
    """At once and not after a redirect: the token is kept nowhere, so it cannot travel through a session or a cookie."""
    return _list(request, member, link=request.build_absolute_uri(f"/accept-invitation/?{urlencode({'token': token})}"))


def _resend(request: HttpRequest, member: Membership) -> HttpResponse:
    invitation = _invitation(request)
    throttle_invitations(member, invitation.email_key)
    _, token = operations.resend(invitation, actor=member, at=timezone.now())
    return _show_link(request, member, token)


def _revoke(request: HttpRequest, member: Membership) -> HttpResponse:
    invitation = operations.revoke(_invitation(request), actor=member, at=timezone.now())
    messages.success(request, f"The invitation of {invitation.email} is revoked: its link is dead.")
    return redirect("people")


def _invitation(request: HttpRequest) -> Invitation:
    found: Invitation = find(Invitation.objects.all(), request.POST.get("invitation", ""))
    return found


_INVITING: dict[str, Callable[[HttpRequest, Membership], HttpResponse]] = {"invite": _invite, "resend": _resend, "revoke": _revoke}


@form_page
def person(request: HttpRequest, member: Membership, public_id: str) -> HttpResponse:
    """One member: their place, their standing, their cards."""
    subject: Membership = find(Membership.objects.visible_to(member).with_names(), public_id)
    if request.method != "POST":
        return _show(request, member, subject)
    require("people.change", member, subject)
    return _place(request, member, subject) if request.POST.get("do") == "place" else _stand(request, member, subject)


def _place(request: HttpRequest, member: Membership, subject: Membership) -> HttpResponse:
    form = _place_form(member, subject, request.POST)
    if form.is_valid():
        try:
            operations.change_member(subject, _placed(form), actor=member, at=timezone.now())
            messages.success(request, f"{subject.user.name}’s place in the company is saved.")
            return redirect("person", subject.public_id)
        except errors.DomainError as error:
            show_refusal(form, error)
    return _show(request, member, subject, form=form, status=400)


def _place_form(member: Membership, subject: Membership, data: Any = None) -> PlaceForm:
    """Also offers what they have now, where it could not be chosen anew."""
    managers = [choice for choice in _managers(member) if choice[0] != subject.public_id]
    departments = department_choices(list(Department.objects.filter(archived_at=None)))
    if subject.manager and not subject.manager.is_active:
        managers.append((subject.manager.public_id, f"{subject.manager.user.name} ({subject.manager.status})"))
    if subject.department and subject.department.is_archived:
        departments.append((subject.department.public_id, f"{subject.department.name} (archived)"))
    now = {
        "role": subject.role,
        "manager": subject.manager.public_id if subject.manager else "",
        "department": subject.department.public_id if subject.department else "",
    }
    return _roles_to_give(PlaceForm(data, initial=now, managers=managers, departments=departments), member)


# What each button does, and what is said when it is done.
_STANDING: dict[str, tuple[Callable[..., Membership], str]] = {
    "suspend": (cards.suspend_member, "is suspended: no sign-in, no swipe, until you reactivate them."),
    "deactivate": (cards.deactivate_member, "has left: their sessions are ended and their cards frozen."),
    "reactivate": (cards.reactivate_member, "is back: sign-in works, and what leaving froze is lifted."),
}


def _stand(request: HttpRequest, member: Membership, subject: Membership) -> HttpResponse:
    change, done = _STANDING.get(request.POST.get("do", ""), (None, ""))
    if change is None:
        raise errors.Invalid("This form asks for nothing that we know.")
    try:
        change(subject, actor=member, at=timezone.now())
        messages.success(request, f"{subject.user.name} {done}")
    except errors.InvalidState as error:
        messages.error(request, error.message)
    return redirect("person", subject.public_id)


def _show(
    request: HttpRequest, member: Membership, subject: Membership, *, form: PlaceForm | None = None, status: int = 200
) -> HttpResponse:
    changeable = permissions.may_change(member, subject)
    has_left = subject.status == MembershipStatus.DEACTIVATED
    context = {
        "nav": "people",
        "subject": subject,
        "form": (form or _place_form(member, subject)) if changeable and not has_left else None,
        "may_stand": changeable and subject.pk != member.pk,
        "has_left": has_left,
        "cards": list(Card.objects.visible_to(member).filter(holder=subject).with_state().order_by("-id")),
        "sees_manager": subject.manager_id is not None and (member.sees("people") or subject.manager_id in member.team),
    }
    return render(request, "users/person.html", context, status=status)
