"""Amounts as people type them into an address, for the filters of the list."""

from __future__ import annotations

from django.http import QueryDict

from spendtrackr.money import Money, parse_decimal

_NAMES = {"min": ("min_minor", "From amount"), "max": ("max_minor", "To amount")}


class AmountRange:
    """`min` and `max` in whole units of the company's currency, such as `12.50`, as the filter's minor units."""

    def __init__(self, given: QueryDict, currency: str) -> None:
        self.given, self.currency = given, currency
        self.problems: list[str] = []

    def as_minor(self) -> QueryDict:
        """The same address with minor units; what is no amount is left out and told in `problems`."""
        translated = self.given.copy()
        for name, (target, label) in _NAMES.items():
            if text := translated.pop(name, [""])[-1].strip():
                try:
                    translated[target] = str(Money.parse(parse_decimal(text), self.currency).minor)
                except ValueError:
                    self.problems.append(f"{label}: {text[:40]!r} is not an amount in {self.currency}.")
        return translated
