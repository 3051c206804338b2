"""Examples of the contract, put together from its own shapes: whoever changes a shape changes its examples.

What a shape says itself (`example`, `default`, `enum`) comes first, then what fields of that name hold. Examples that somebody wrote stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

_TAIL = "01m8mgywn4xpje52z5qnmr3p9w"
# How ids begin: by the field that names something, and for `id` by the shape that it is in.
_IDS = {
    "account": "acct", "actor": "mem", "approval": "apr", "asked_by": "mem", "batch": "acb", "budget": "bud",
    "card": "card", "category": "cat",
    "categories": "cat", "claim": "txn", "claims": "txn", "closed_by": "mem", "company": "co", "created_by": "mem", "decided_by": "mem",
    "department": "dep", "departments": "dep", "ended_by": "mem", "endpoint": "whe", "entry": "ent", "event": "evt", "grant": "grant",
    "granted_by": "mem", "head": "mem", "holder": "mem", "instead_of": "mem", "integration": "mem",
    "invited_by": "mem", "issued_card": "card",
    "journal": "txn", "journals": "txn", "manager": "mem", "member": "mem", "members": "mem", "merchant_id": "mer", "merchants": "mer",
    "owner": "mem", "parent": "bud", "policy": "pol", "receipt": "rcp", "recorded_by": "mem", "reimbursement": "rmb", "replaces": "card",
    "request_id": "req", "requester": "mem", "revoked_by": "mem", "subject": "card", "to": "mem",
    "transaction": "txn", "transactions": "txn",
    "uploaded_by": "mem", "waits_for": "mem",
}  # fmt: skip
_SHAPES = {
    "Account": "acct", "AccountingBatch": "acb", "ApiKey": "key", "Approval": "apr", "Backtest": "btest", "Budget": "bud", "Card": "card",
    "CardRequest": "req", "Category": "cat", "Claim": "txn", "Comment": "cmt", "Company": "co", "Delegation": "dlg", "Department": "dep",
    "Event": "evt", "Export": "exp", "Grant": "grant", "Import": "imp", "ImportReport": "imp", "Invitation": "inv",
    "Me": "usr", "Member": "mem",
    "NewApiKey": "key", "NewWebhookEndpoint": "whe", "Notification": "ntf", "Payout": "pay", "Policy": "pol", "Receipt": "rcp",
    "Reimbursement": "rmb", "Repayment": "rpy", "SentEvent": "evt",
    "Session": "ses", "Tag": "tag", "Transaction": "txn", "WebhookDelivery": "whd",
    "WebhookDeliveryDetail": "whd", "WebhookEndpoint": "whe",
}  # fmt: skip
_WORDS = {
    "accept": "spend", "address": "203.0.113.7", "answer": "ok", "client": "curl/8.5", "code": "travel",
    "company_name": "Northwind Traders",
    "country": "DE", "currency": "EUR", "cost_centre": "410", "descriptor": "DB FERNVERKEHR AG", "description": "Bookkeeping",
    "email": "bea@northwind.example", "field": "amount", "filename": "march.csv", "label": "Travel", "last4": "4242",
    "ledger_code": "6670",
    "locale": "de-DE", "memo": "Trade fair in Hanover", "merchant": "Deutsche Bahn", "merchant_code": "4112",
    "merchant_name": "Deutsche Bahn",
    "message": "Your role does not allow this.", "name": "Travel", "network_id": "n-2026-03-10-0001", "networks": "203.0.113.0/24",
    "next_cursor": "WyItaWQiLCA0MDE", "no_receipt_reason": "The machine printed none", "password": "a sentence that nobody else knows",
    "prefix": "sk_live_", "reason": "A trade fair in Hanover", "reference": "2026-03", "secret": "shown-this-once", "source": "Bank",
    "tax_code": "V19", "text": "Who was there?", "time_zone": "Europe/Berlin", "tracking_name": "Region", "types": "card.*",
    "url": "https://erp.northwind.example/hooks", "allowed_countries": "DE", "blocked_countries": "KP",
    "merchant_categories": "4111-4131",
    "allowed_merchant_categories": "4111-4131", "blocked_merchant_categories": "7995", "allowed_merchants": "deutsche bahn",
    "blocked_merchants": "crypto kiosk", "rate": "0.19",
}  # fmt: skip
_PEOPLE = dict.fromkeys(
    ("member_name", "owner_name", "holder_name", "manager_name", "requester_name", "to_name", "head_name", "granted_by_name"),
    "Bea Lindqvist",
)
_WORDS |= _PEOPLE | {
    "access": "eyJhbGciOiJIUzI1NiJ9…", "card_last4": "4242", "category_name": "Travel", "department_name": "Sales",
    "file": "(the file)", "mode": "normal",
    "refresh": "rt_…", "slug": "northwind-traders", "token": "t_…",
}  # fmt: skip
# What things of a kind are called.
_NAMES = {
    "Budget": "Sales travel", "Card": "Trade fair", "Company": "Northwind Traders", "Department": "Sales", "Me": "Bea Lindqvist",
    "Member": "Bea Lindqvist", "Policy": "Two agree from 500 euros on", "Tag": "Hanover 2026",
}  # fmt: skip
_NUMBERS = {
    "minor": 42_00,
    "rows": 4,
    "booked": 3,
    "rejected": 1,
    "duplicates": 0,
    "skipped": 0,
    "expires_in": 900,
    "answered": 200,
    "took_ms": 87,
}
_FORMATS = {"date": "2026-03-10", "date-time": "2026-03-10T12:00:00Z", "email": _WORDS["email"], "uri": _WORDS["url"]}
_DEEPEST = 12


def add_examples(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A hook of drf-spectacular: an example for each body and each answer of success that has none."""
    shapes = result.get("components", {}).get("schemas", {})
    for methods in result["paths"].values():
        for operation in methods.values():
            answers = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
            for part, is_body in [*((answer, False) for answer in answers), (operation.get("requestBody", {}), True)]:
                for kind, content in part.get("content", {}).items():
                    if kind in {"application/json", "multipart/form-data"} and not {"example", "examples"} & set(content):
                        content["example"] = _Sampler(shapes, is_body=is_body).sample(content["schema"])
    return result


class _Sampler:
    """Fills shapes. Of a body no more than it needs, where it needs anything: fields may exclude each other."""

    def __init__(self, shapes: Mapping[str, Schema], *, is_body: bool) -> None:
        self.shapes, self.is_body = shapes, is_body

    def sample(self, schema: Schema, name: str = "", shape: str = "", depth: int = 0) -> Any:
        if "$ref" in schema:
            shape = schema["$ref"].rpartition("/")[2]
            return self.sample(self.shapes[shape], name, shape, depth + 1)
        for said in ("example", "const"):
            if said in schema:
                return schema[said]
        if "enum" in schema:
            return next((one for one in schema["enum"] if one not in {None, ""}), schema["enum"][0])
        if isinstance(schema.get("default"), str | int) and schema["default"] != "":
            return schema["default"]
        for choice in ("allOf", "oneOf", "anyOf"):
            if choice in schema:
                return self.sample(next(one for one in schema[choice] if one.get("type") != "null"), name, shape, depth + 1)
        return self._typed(schema, name, shape, depth)

    def _typed(self, schema: Schema, name: str, shape: str, depth: int) -> Any:
        kinds = schema.get("type", "object")
        if "null" in kinds and (name.endswith("_at") or name == "decline_code"):
            return None  # not yet, or not at all
        kind = kinds if isinstance(kinds, str) else next(one for one in kinds if one != "null")
        if kind == "object":
            return self._object(schema, name, shape, depth)
        if kind == "array":
            items = [] if depth > _DEEPEST else [self.sample(schema["items"], name, "", depth + 1)]
            return items * max(1, schema.get("minItems", 1)) if items else []
        if kind == "boolean":
            return name != "has_more"
        if kind in {"integer", "number"}:
            number = _NUMBERS.get(name, 3)
            return min(max(number, schema.get("minimum", number)), schema.get("maximum", number))
        return self._text(schema, name, shape)

    def _object(self, schema: Schema, name: str, shape: str, depth: int) -> dict[str, Any]:
        fields: Mapping[str, Schema] = schema.get("properties", {})
        needed = schema.get("required", []) if self.is_body else []
        found = {one: self.sample(told, one, shape, depth + 1) for one, told in fields.items() if not needed or one in needed}
        more = schema.get("additionalProperties")
        if not fields and isinstance(more, dict) and more and depth <= _DEEPEST:
            return {"travel": self.sample(more, name, shape, depth + 1)}
        return found

    def _text(self, schema: Schema, name: str, shape: str) -> str:
        if name == "id":
            plain = shape.removesuffix("Request")
            return f"{_SHAPES.get(plain, 'txn')}_{_TAIL}"
        if schema.get("format") in _FORMATS:
            return _FORMATS[schema["format"]]
        if name in _IDS and "pattern" not in schema:
            return f"{_IDS[name]}_{_TAIL}"
        text = _NAMES.get(shape.removesuffix("Request"), "Travel") if name == "name" else _WORDS.get(name, "Travel")
        return text[: schema.get("maxLength", len(text))].ljust(schema.get("minLength", 0), ".")
