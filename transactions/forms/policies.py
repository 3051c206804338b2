"""A policy as somebody writes it on a page: one form for each rule, a line for each step. It comes to the document that the API takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django import forms
from django.http import QueryDict

from cards.forms import AmountField, CodesField, Group, ListField
from spendtrackr.money import Money
from transactions import policies, queries
from transactions.models import TransactionSource
from transactions.policies import ALWAYS, FROM, ITEMS, MOST_APPROVERS, MOST_LISTED, MOST_RULES, NEVER, PLACES, ApproverKind, Document
from transactions.queries import Choosable
from users.roles import Role

_AUTOMATIC, _STEPS = "automatic", "steps"
_SOURCES = {TransactionSource.CARD: "By card", TransactionSource.CLAIM: "Out of pocket", TransactionSource.STATEMENT: "Imported"}
_DECIDING = [(str(role), f"Anybody with the role {role}") for role in Role if role != Role.AUDITOR]
FEWEST_STEPS = 3
_LISTS = ("categories", "departments", "members", "roles", "sources")


class _Ticks(forms.MultipleChoiceField):
    def __init__(self, *, most: int = MOST_LISTED, **kwargs: Any) -> None:
        super().__init__(required=False, widget=forms.CheckboxSelectMultiple, **kwargs)
        self.most = most

    def clean(self, value: Any) -> list[str]:
        chosen: list[str] = super().clean(value)
        if len(chosen) > self.most:
            raise forms.ValidationError(f"Tick at most {self.most}.")
        return chosen


class StepForm(forms.Form):
    """One step: of whom a yes is asked. Without anybody it is no step."""

    approvers = _Ticks(label="Who says yes", most=MOST_APPROVERS)
    mode = forms.ChoiceField(label="How many of them", choices=[("any", "Any one of them"), ("all", "All of them")], required=False)

    def __init__(self, *args: Any, choosable: Choosable, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        places = [(kind, said[:1].upper() + said[1:]) for kind, said in PLACES.items()]
        roles = [(f"role:{role}", said) for role, said in _DECIDING]
        self.fields["approvers"].choices = [  # type: ignore[attr-defined]
            *places, *roles, *((f"member:{public_id}", name) for public_id, name in choosable.approvers)
        ]  # fmt: skip

    @property
    def is_used(self) -> bool:
        return bool(self["approvers"].value() or self.errors)

    def step(self) -> dict[str, Any] | None:
        chosen = self.cleaned_data["approvers"]
        return {"mode": self.cleaned_data["mode"] or "any", "approvers": [_approver(one) for one in chosen]} if chosen else None


def _approver(chosen: str) -> dict[str, Any]:
    kind, _, named = chosen.partition(":")
    return {"kind": kind, "role": named if kind == "role" else None, "member": named if kind == "member" else None}


def _chosen(approver: Document) -> str:
    kind = approver["kind"]
    return f"{kind}:{approver[kind]}" if kind in {ApproverKind.ROLE, ApproverKind.MEMBER} else kind


class SaysForm(forms.Form):
    """What a rule requires, and who approves. This one alone is about everything that no rule above is about."""

    approval = forms.ChoiceField(label="Who approves", required=False)
    title = "Everything else"

    def __init__(
        self, data: QueryDict | None, *, prefix: str, choosable: Choosable, currency: str, said: Document | None = None
    ) -> None:  # fmt: skip
        super().__init__(data, prefix=prefix, initial=self._as_typed(said) if said else {})
        nothing = "Say nothing" if isinstance(self, RuleForm) else "The manager"
        self.fields["approval"].choices = [  # type: ignore[attr-defined]
            ("", nothing), (_AUTOMATIC, "Approved by itself"), (_STEPS, "The steps below")
        ]  # fmt: skip
        for item in ITEMS:
            choices = [("", "Say nothing"), (ALWAYS, "Required"), (FROM, "Required from"), (NEVER, "Not required")]
            self.fields[item] = forms.ChoiceField(label=item.capitalize(), choices=choices, required=False)
            self.fields[f"{item}_from"] = AmountField(label="From")
        for field in self.fields.values():
            if isinstance(field, AmountField):
                field.currency = currency
                field.label = f"{field.label} ({currency})"
        steps = (said["approval"] or {}).get("steps", []) if said else []
        slots = max(FEWEST_STEPS, len(steps), *(number + 1 for number in _numbers(self.data, f"{self.prefix}-steps-")))
        self.steps = [
            StepForm(
                self.data if self.is_bound else None,
                prefix=f"{self.prefix}-steps-{number}",
                choosable=choosable,
                initial={"mode": step["mode"], "approvers": [_chosen(one) for one in step["approvers"]]} if step else {},
            )
            for number, step in enumerate([*steps, *[None] * (slots - len(steps))])
        ]

    def _as_typed(self, said: Document) -> dict[str, Any]:
        approval, typed = said["approval"], {}
        typed["approval"] = "" if approval is None else _AUTOMATIC if approval["automatic"] else _STEPS
        for item, asked in said["require"].items():
            typed[item] = asked["when"] if asked else ""
            typed[f"{item}_from"] = _typed(asked["amount"]) if asked else ""
        return typed

    @property
    def requirements(self) -> list[tuple[forms.BoundField, forms.BoundField]]:
        return [(self[item], self[f"{item}_from"]) for item in ITEMS]

    def is_valid(self) -> bool:
        return all([super().is_valid(), *(step.is_valid() for step in self.steps)])

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        for item in ITEMS:
            if given.get(item) == FROM and f"{item}_from" not in self.errors and not given.get(f"{item}_from"):
                self.add_error(f"{item}_from", "From which amount?")
        if given.get("approval") == _STEPS and not any(step.is_valid() and step.step() for step in self.steps):
            self.add_error("approval", "Tick who says yes in at least one step.")
        return given

    def says(self) -> dict[str, Any]:
        """Its part of the document."""
        given = self.cleaned_data
        require = {
            item: {"when": given[item], "amount": _minor(given[f"{item}_from"]) if given[item] == FROM else None} if given[item] else None
            for item in ITEMS
        }
        steps = [step for form in self.steps if (step := form.step())] if given["approval"] == _STEPS else []
        approval = {"automatic": not steps, "steps": steps} if given["approval"] else None
        return {"require": require, "approval": approval}


def _typed(amount: Document | None) -> str:
    return Money(amount["minor"], amount["currency"]).in_box() if amount else ""


def _minor(amount: Money | None) -> dict[str, Any] | None:
    return {"minor": amount.minor, "currency": amount.currency} if amount else None


class RuleForm(SaysForm):
    """One rule: what it is about, and what it says."""

    name = forms.CharField(label="Name", max_length=80)
    amount_from = AmountField(label="From")
    amount_below = AmountField(label="Below")
    categories = _Ticks(label="Categories")
    departments = _Ticks(label="Departments")
    members = _Ticks(label="People whose spend it is")
    roles = _Ticks(label="Their role", choices=[(str(role), str(role).capitalize()) for role in Role])
    sources = _Ticks(label="Paid", choices=[(str(source), said) for source, said in _SOURCES.items()])
    merchants = ListField(label="Merchants", help_text="One name on each line, as your transactions show it.")
    merchant_categories = CodesField(label="Merchant categories", help_text="Codes or ranges of ISO 18245, such as 5812 3000-3299.")
    flag = forms.CharField(
        label="Flag", max_length=120, required=False, help_text="Shown to whoever approves, such as “Ask who was there”."
    )

    def __init__(self, data: QueryDict | None, *, choosable: Choosable, names: Mapping[str, str], **kwargs: Any) -> None:
        self._names = names
        super().__init__(data, choosable=choosable, **kwargs)
        for name in ("categories", "departments", "members"):
            self.fields[name].choices = getattr(choosable, name)  # type: ignore[attr-defined]

    @property
    def title(self) -> str:  # type: ignore[override]
        return str(self["name"].value() or "New rule")

    def _as_typed(self, said: Document) -> dict[str, Any]:
        when = said["when"]
        typed = {name: when[name] for name in _LISTS} | {name: _typed(when[name]) for name in ("amount_from", "amount_below")}
        typed["merchants"] = "\n".join(dict.fromkeys(self._names[public_id] for public_id in when["merchants"]))
        typed["merchant_categories"] = " ".join(when["merchant_categories"])
        return {"name": said["name"], "flag": said["flag"], **typed, **super()._as_typed(said)}

    @property
    def groups(self) -> list[Group]:
        fields = (["categories", "merchants", "merchant_categories"], ["members", "departments", "roles", "sources"])
        titles = ("Only for some categories or merchants", "Only for some people or ways to pay")
        return [Group(title, [self[name] for name in names]) for title, names in zip(titles, fields, strict=True)]

    def clean_merchants(self) -> list[str]:
        """Their ids."""
        names = self.cleaned_data["merchants"]
        known = queries.merchants_named(names)
        if len(names) > MOST_LISTED:
            raise forms.ValidationError(f"Name at most {MOST_LISTED}.")
        if unknown := [name for name in names if name.casefold() not in known]:
            raise forms.ValidationError(f"Nothing was ever bought from “{unknown[0][:40]}”: write the name as a transaction shows it.")
        return list(dict.fromkeys(public_id for name in names for public_id in known[name.casefold()]))

    def says(self) -> dict[str, Any]:
        given = self.cleaned_data
        when = {name: given[name] for name in (*_LISTS, "merchants", "merchant_categories")}
        when |= {name: _minor(given[name]) for name in ("amount_from", "amount_below")}
        return {"name": given["name"], "when": when, "flag": given["flag"], **super().says()}


class DaysField(forms.CharField):
    """Numbers of days, separated by commas."""

    def clean(self, value: Any) -> list[int]:
        parts = [part.strip() for part in (super().clean(value) or "").split(",") if part.strip()]
        if wrong := [part for part in parts if not (part.isascii() and part.isdigit() and 1 <= int(part[:4]) <= 365)]:
            raise forms.ValidationError(f"“{wrong[0][:20]}” is no number of days from 1 to 365. Write them like 2, 7, 14.")
        if len(parts) > 10:
            raise forms.ValidationError("At most ten reminders.")
        return sorted({int(part) for part in parts})


def _days(label: str, says: str, most: int) -> forms.IntegerField:
    widget = forms.TextInput(attrs={"inputmode": "numeric"})
    return forms.IntegerField(label=label, required=False, min_value=1, max_value=most, help_text=says, widget=widget)


class RemindersForm(forms.Form):
    """When somebody is told again, in days."""

    missing_items_after_days = DaysField(
        label="Remind owners of what is missing after", required=False, help_text="Days, such as 2, 7, 14."
    )
    freeze_after_days = _days("Freeze the card after", "Days of missing items. Blank: never.", 365)
    approvals_after_days = _days("Remind approvers every", "Days. Blank: never.", 90)
    escalate_after_days = _days("Ask the next above after", "Days without an answer. Blank: never.", 90)

    def __init__(self, data: QueryDict | None, *, prefix: str, said: Document) -> None:
        typed = {**said, "missing_items_after_days": ", ".join(map(str, said["missing_items_after_days"]))}
        super().__init__(data, prefix=prefix, initial=typed)


class NameForm(forms.Form):
    name = forms.CharField(label="Name of this version", max_length=80)


class PolicyForm:
    """All forms of a policy, from a document or from what was sent."""

    def __init__(self, document: Document, currency: str, data: QueryDict | None = None) -> None:
        choosable, names = queries.choosable(document), queries.names_in(document)
        self.name = NameForm(data, prefix="policy", initial={"name": document["name"]})
        said = document["rules"] if data is None else [None] * (1 + max(_numbers(data, "rules-"), default=-1))
        self.rules = [
            RuleForm(data, prefix=f"rules-{number}", said=rule, names=names, choosable=choosable, currency=currency)
            for number, rule in enumerate(said)
        ]
        otherwise = document["otherwise"] if data is None else None
        self.otherwise = SaysForm(data, prefix="otherwise", said=otherwise, choosable=choosable, currency=currency)
        self.reminders = RemindersForm(data, prefix="reminders", said=document["reminders"])

    def _parts(self) -> Iterator[forms.Form]:
        yield from (self.name, *self.rules, self.otherwise, self.reminders)

    def is_valid(self) -> bool:
        return not [form for form in self._parts() if not form.is_valid()]

    def document(self) -> dict[str, Any]:
        """What the API would be sent."""
        return {
            "name": self.name.cleaned_data["name"],
            "rules": [rule.says() for rule in self.rules],
            "otherwise": self.otherwise.says(),
            "reminders": self.reminders.cleaned_data,
        }


def _numbers(data: Mapping[str, Any] | None, before: str) -> list[int]:
    """The numbers that follow a beginning in the names of what was sent."""
    found = {name.removeprefix(before).partition("-")[0] for name in data or () if name.startswith(before)}
    return sorted(int(number) for number in found if number.isascii() and number.isdigit() and int(number) < 200)


def arranged(data: QueryDict, do: str) -> QueryDict:
    """What was sent with the rules in another order: `add`, `remove-2`, `up-2`, `down-2`. Nothing that was typed is lost."""
    what, _, text = do.partition("-")
    order = _numbers(data, "rules-")
    place = int(text) if text.isascii() and text.isdigit() and int(text) < len(order) else None
    if place is not None and what == "remove":
        del order[place]
    elif place is not None and what in {"up", "down"}:
        other = min(max(place + (1 if what == "down" else -1), 0), len(order) - 1)
        order[place], order[other] = order[other], order[place]
    sent = QueryDict(mutable=True)
    for name in data:
        number, _, rest = name.removeprefix("rules-").partition("-")
        if not name.startswith("rules-"):
            sent.setlist(name, data.getlist(name))
        elif number.isdigit() and int(number) in order:
            sent.setlist(f"rules-{order.index(int(number))}-{rest}", data.getlist(name))
    if what == "add" and len(order) < MOST_RULES:
        sent[f"rules-{len(order)}-name"] = ""
    return sent


EMPTY: Document = {"name": "", "rules": [], "otherwise": policies.STANDARD["otherwise"], "reminders": policies.STANDARD["reminders"]}
