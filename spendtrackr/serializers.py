"""Shapes that every app shares: money, strict bodies, ids, errors."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, ClassVar, TypeVar

from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from spendtrackr.errors import NoCurrency, one_of
from spendtrackr.forms import EARLIEST, LATEST
from spendtrackr.money import CURRENCIES, MAX_MINOR, Money
from spendtrackr.periods import INSTANT_LOOKS_LIKE, parse_instant
from spendtrackr.text import plain_line, plain_text

T = TypeVar("T")


_NOT_A_LIST = "Write a list, in square brackets."


class StrictSerializer(serializers.Serializer[Any]):
    """A request body. Unknown and read-only fields are refused, not ignored."""

    default_error_messages: ClassVar[dict[str, Any]] = {"invalid": "Write an object: names and values in curly brackets."}

    @classmethod
    def many_init(cls, *args: Any, **kwargs: Any) -> Any:
        return super().many_init(*args, **{"error_messages": {"not_a_list": _NOT_A_LIST}} | kwargs)

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            writable = {name for name, field in self.fields.items() if not field.read_only}
            unknown = {
                str(name): [serializers.ErrorDetail("This field is unknown or cannot be written.", code="unknown_field")]
                for name in data
                if name not in writable
            }
            if unknown:
                raise serializers.ValidationError(unknown)
        return super().to_internal_value(data)


class _Shapes(threading.local):
    def __init__(self) -> None:
        self.of: dict[type[serializers.BaseSerializer[Any]], serializers.BaseSerializer[Any]] = {}


_shapes = _Shapes()


def _shape(serializer_class: type[serializers.BaseSerializer[Any]]) -> serializers.BaseSerializer[Any]:
    if serializer_class not in _shapes.of:
        _shapes.of[serializer_class] = serializer_class()
    return _shapes.of[serializer_class]


def validated(serializer_class: type[serializers.BaseSerializer[Any]], data: Any) -> dict[str, Any]:
    """A body that is as its shape says. Raises REST framework's `ValidationError`."""
    try:
        return dict(_shape(serializer_class).run_validation(data))
    except serializers.ValidationError:
        # Once more by the book: there the refusal gets its form.
        anew = serializer_class(data=data)
        anew.is_valid(raise_exception=True)
        return dict(anew.validated_data)


def represent(serializer_class: type[serializers.BaseSerializer[Any]], row: Any, context: Mapping[str, Any]) -> dict[str, Any]:
    """A row in its shape. A thread builds the fields of each shape once: that costs more than filling them (measured)."""
    shape = _shape(serializer_class)
    shape._context = context  # noqa: SLF001 -- REST framework takes it at construction only
    try:
        return dict(shape.to_representation(row))
    finally:
        shape._context = {}  # noqa: SLF001


class CodeField(serializers.RegexField):
    """A short code of a fixed form, and a sentence that says which."""

    def __init__(self, pattern: str, says: str, **kwargs: Any) -> None:
        super().__init__(pattern, error_messages={"invalid": f"Write {says}."}, **kwargs)


class CurrencyField(CodeField):
    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", "ISO 4217 code.")
        super().__init__(r"^[A-Z]{3}$", "three capital letters of ISO 4217, such as USD", **kwargs)


class CountryField(CodeField):
    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", "ISO 3166-1 alpha-2.")
        super().__init__(r"^[A-Z]{2}$", "two capital letters of ISO 3166, such as DE", **kwargs)


class MerchantCodeField(CodeField):
    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", "Merchant category code, ISO 18245.")
        super().__init__(r"^[0-9]{4}$", "the four digits of ISO 18245, such as 5812", **kwargs)


class MerchantCodeRangeField(CodeField):
    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", "A code of ISO 18245, or a range such as 5811-5814.")
        says = "a code of four digits (ISO 18245), such as 5812, or a range of them, such as 5811-5814"
        super().__init__(r"^[0-9]{4}(-[0-9]{4})?$", says, **kwargs)


class PlainListField(serializers.ListField):
    """A list. What is wrong with one of its items is told under its place: `names.0`."""

    default_error_messages: ClassVar[dict[str, Any]] = {"not_a_list": _NOT_A_LIST}


class StrictIntegerField(serializers.IntegerField):
    """A JSON integer: no string, no 1.0, no true."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictBooleanField(serializers.BooleanField):
    """JSON's true or false: no string, no 1."""

    default_error_messages: ClassVar[dict[str, Any]] = {"invalid": "Write true or false."}

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid")
        return data


class InstantField(serializers.DateTimeField):
    """An instant that comes in: RFC 3339 with its offset. A day is no instant, and without an offset it would be a guess."""

    default_error_messages: ClassVar[dict[str, Any]] = {"invalid": INSTANT_LOOKS_LIKE}

    def to_internal_value(self, value: Any) -> datetime:
        at = parse_instant(value) if isinstance(value, str) else None
        if at is None:
            self.fail("invalid")
        if not EARLIEST <= at.date() <= LATEST:
            raise serializers.ValidationError(f"Write an instant from {EARLIEST} to {LATEST}.")
        return at


class DayField(serializers.DateField):
    """A calendar day that comes in, such as 2026-03-31."""

    def to_internal_value(self, value: Any) -> date:
        try:
            day = date.fromisoformat(value) if isinstance(value, str) and len(value) == len("2026-03-31") else None
        except ValueError:
            day = None
        if day is None:
            raise serializers.ValidationError("Write a day such as 2026-03-31.", code="invalid")
        if not EARLIEST <= day <= LATEST:
            raise serializers.ValidationError(f"Write a day from {EARLIEST} to {LATEST}.")
        return day


class MoneyShape(StrictSerializer):
    """`{"minor": 4200, "currency": "USD"}` is 42.00 US dollars. What is answered may be a sum, and has no bounds as what is sent has."""

    minor = StrictIntegerField(help_text="Whole minor units: cents, pence, fils.")
    currency = CurrencyField()

    class Meta:
        ref_name = "Money"


class PositiveMoneyShape(StrictSerializer):
    """An amount above zero."""

    minor = StrictIntegerField(min_value=1, max_value=MAX_MINOR, help_text="Whole minor units: cents, pence, fils. Above zero.")
    currency = CurrencyField()


@extend_schema_field(MoneyShape)
class MoneyField(serializers.Field[Money, Any, Any, Any]):
    """`Money` out."""

    def to_representation(self, value: Money) -> dict[str, Any]:
        return {"minor": value.minor, "currency": value.currency}


class NotNegativeMoneyShape(StrictSerializer):
    """An amount of zero or more."""

    minor = StrictIntegerField(min_value=0, max_value=MAX_MINOR, help_text="Whole minor units: cents, pence, fils. Zero or more.")
    currency = CurrencyField()


@extend_schema_field(PositiveMoneyShape)
class PositiveMoneyField(serializers.Field[Money, Any, Any, Any]):
    """`Money` above zero, in and out."""

    shape: type[StrictSerializer] = PositiveMoneyShape

    def to_internal_value(self, data: Any) -> Money:
        if not isinstance(data, Mapping):
            raise serializers.ValidationError('Money is written as {"minor": 4200, "currency": "USD"}.')
        shape = self.shape(data=data)
        shape.is_valid(raise_exception=True)
        if shape.validated_data["currency"] not in CURRENCIES:
            raise serializers.ValidationError({"currency": [NoCurrency.message]})
        return Money(**shape.validated_data)

    def to_representation(self, value: Money) -> dict[str, Any]:
        return {"minor": value.minor, "currency": value.currency}


@extend_schema_field(NotNegativeMoneyShape)
class NotNegativeMoneyField(PositiveMoneyField):
    """`Money` of zero or more, in and out."""

    shape = NotNegativeMoneyShape


class AnyMoneyShape(StrictSerializer):
    """An amount, above zero or below."""

    minor = StrictIntegerField(min_value=-MAX_MINOR, max_value=MAX_MINOR, help_text="Whole minor units: cents, pence, fils.")
    currency = CurrencyField()


@extend_schema_field(AnyMoneyShape)
class AnyMoneyField(PositiveMoneyField):
    """`Money` above zero or below, in and out."""

    shape = AnyMoneyShape


class PlainChoiceField(serializers.ChoiceField):
    """One of some words. The refusal names them, and does not repeat what was sent: it need not be anything that can be written."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str) or data not in self.choices:
            raise serializers.ValidationError(one_of(self.field_name, self.choices), code="invalid_choice")
        return super().to_internal_value(data)


class PlainCharField(serializers.CharField):
    """One line of text that can be seen: no control characters, no marks that turn its direction, trimmed."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        text = super().to_internal_value(data)
        if any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or 0xD800 <= ord(c) < 0xE000 for c in text):
            raise serializers.ValidationError("Control characters are not allowed.")
        line = plain_line(text)
        if text and not line and not self.allow_blank:
            self.fail("blank")
        return line


class PlainTextField(serializers.CharField):
    """Some lines of text that can be seen, by the same rules as one line."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        try:
            text = plain_text(super().to_internal_value(data))
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from error
        if not text and not self.allow_blank:
            self.fail("blank")
        return text


class ErrorRowSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()
    field = serializers.CharField(allow_null=True)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A value that cannot be accepted",
            value={
                "code": "invalid",
                "message": NoCurrency.message,
                "field": "currency",
                "errors": [{"code": "invalid", "message": NoCurrency.message, "field": "currency"}],
                "request_id": "req_01k2j3m4n5p6q7r8s9t0v1w2x3",
            },
        )
    ]
)
class ErrorSerializer(serializers.Serializer[Any]):
    """What every refusal looks like."""

    code = serializers.CharField(help_text="Stable; match on this.")
    message = serializers.CharField(help_text="A sentence for people; may change.")
    field = serializers.CharField(allow_null=True, help_text="Dotted path of the first field at fault, or null.")
    errors = ErrorRowSerializer(many=True)  # type: ignore[assignment]  # a field of the answer, not of this class
    request_id = serializers.CharField(help_text="Also in the X-Request-Id header.")
