"""Columns of exported lists: how a row becomes a cell, and, where that is known, how the database writes the same cell itself.

A line of CSV that the server puts together costs a fifth of one that is made of objects (measured). Both are made of one description here,
and a test holds their bytes together.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Func, TextField, Value
from django.db.models.functions import Coalesce, Replace

from spendtrackr import exports
from spendtrackr.exports import FORMULA_SIGNS
from spendtrackr.money import KNOWN_CURRENCIES, Money, exponent


@dataclass(frozen=True, slots=True)
class Column:
    """`of` makes a row's cell. `line` is the same as an expression, as CSV writes it; None where only we know it.

    `beside` reads the cells of a block of rows by their database ids, in one query: of a list's last column, where there is no expression.
    """

    name: str
    of: Callable[[Any], exports.Value]
    width: int = 14
    line: Any = None
    beside: Callable[[Collection[int]], Mapping[int, exports.Value]] | None = None


def text(name: str, path: str, *, width: int = 14) -> Column:
    """What people, banks or networks wrote, and our own words and ids, along relations: `merchant__name`."""
    return Column(name, _along(path), width, Coalesce(_quoted(path), Value(""), output_field=TextField()))


def plain(name: str, path: str, *, width: int = 12) -> Column:
    """A whole number or a day."""
    return Column(name, _along(path), width, Coalesce(F(path), Value(""), output_field=TextField()))


def instant(name: str, path: str) -> Column:
    return Column(name, _along(path), 20, Coalesce(_Instant(F(path)), Value(""), output_field=TextField()))


def money(name: str, path: str, currency: str = "currency") -> Column:
    """Minor units beside their currency, as a decimal number: a sheet adds them up."""
    minor, code = _along(path), _along(currency)

    def amount(row: Any) -> Money | None:
        return None if minor(row) is None else Money(minor(row), code(row))

    return Column(name, amount, 14, Coalesce(_Amount(F(path), F(currency)), Value(""), output_field=TextField()))


def person(path: str) -> tuple[Column, Column]:
    """A member: by name, and by id."""
    return text("person", f"{path}__user__name", width=22), text("member id", f"{path}__public_id", width=32)


def line_of(columns: Iterable[Column]) -> Any:
    """A line as one expression, without its end."""
    parts: list[Any] = []
    for column in columns:
        parts += [column.line, Value(",")]
    return _Joined(*parts[:-1])


def _along(path: str) -> Callable[[Any], Any]:
    names = path.split("__")

    def found(row: Any) -> Any:
        for name in names:
            row = getattr(row, name, None)
        return row

    return found


def _quoted(path: str) -> Any:
    return _Joined(Value('"'), _Apostrophe(F(path)), Replace(F(path), Value('"'), Value('""')), Value('"'))


class _OfText(Func):
    output_field = TextField()


class _Joined(_OfText):
    """One part after the other; nothing where one of them is nothing."""

    function = "CONCAT"

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="(%(expressions)s)", arg_joiner=" || ", **extra)


_SIGNS = [sign.encode().hex() for sign in FORMULA_SIGNS]


class _Apostrophe(_OfText):
    """Before what would be a formula. Compared byte by byte: collations have their own ideas about signs."""

    def as_mysql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        signs = ", ".join(f"X'{sign}'" for sign in _SIGNS)
        template = f"CASE WHEN CAST(LEFT(%(expressions)s, 1) AS BINARY) IN ({signs}) THEN '''' ELSE '' END"
        return self.as_sql(compiler, connection, template=template, **extra)

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        signs = ", ".join(f"CAST(X'{sign}' AS TEXT)" for sign in _SIGNS)
        template = f"CASE WHEN SUBSTR(%(expressions)s, 1, 1) IN ({signs}) THEN '''' ELSE '' END"
        return self.as_sql(compiler, connection, template=template, **extra)


# Its signs are read twice: by the template, and by whoever puts the parameters in.
class _Instant(_OfText):
    def as_mysql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="DATE_FORMAT(%(expressions)s, '%%%%Y-%%%%m-%%%%dT%%%%H:%%%%i:%%%%sZ')", **extra)

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="STRFTIME('%%%%Y-%%%%m-%%%%dT%%%%H:%%%%M:%%%%SZ', %(expressions)s)", **extra)


# Currencies by their decimal places, where these are not two.
_UNUSUAL = {places: sorted(code for code in KNOWN_CURRENCIES if exponent(code) == places) for places in (0, 3, 4)}


class _Amount(_OfText):
    """Minor units of a currency with the decimal places that it has. Never by floating point."""

    def as_mysql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        # A whole number times an exact decimal is exact, and has just its places.
        return self._by_places(compiler, lambda minor, places: f"CAST({minor} * {f'{10**-places:.{places}f}'} AS CHAR)")

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self._by_places(
            compiler,
            lambda minor, places: (
                f"PRINTF('%%s%%d.%%0{places}d', CASE WHEN {minor} < 0 THEN '-' ELSE '' END, "
                f"ABS({minor}) / {10**places}, ABS({minor}) %% {10**places})"
            ),
        )

    def _by_places(self, compiler: Any, written: Callable[[str, int], str]) -> tuple[str, tuple[Any, ...]]:
        (minor, _), (code, _) = (compiler.compile(one) for one in self.get_source_expressions())
        cases = [f"WHEN {minor} IS NULL THEN NULL"]
        for places, codes in _UNUSUAL.items():
            amount = written(minor, places) if places else f"CAST({minor} AS CHAR)"
            cases.append(f"WHEN {code} IN ({', '.join(map(repr, codes))}) THEN {amount}")
        return f"CASE {' '.join(cases)} ELSE {written(minor, 2)} END", ()
