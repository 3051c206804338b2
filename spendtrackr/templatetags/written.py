"""Days, times and numbers in templates, as their reader writes them. Amounts need no filter: what prints them is `spendtrackr.templating`.

Django's `date` is for machines here: `c`, `Y-m-d` and `Y-m` in attributes and addresses. `tests/test_house.py` holds that.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django import template
from django.template.defaultfilters import filesizeformat

from spendtrackr import locales

register = template.Library()


@register.filter(expects_localtime=True)
def day(on: date | None, style: str = "") -> str:
    """`5 Mar 2026`; `long`: `5 March 2026`; `short`: `5 Mar`."""
    return locales.day(on, style) if on else ""


@register.filter(expects_localtime=True)
def weekday(on: date | None, style: str = "") -> str:
    """`Thu`; `long`: `Thursday`."""
    return f"{on:%A}" if on and style == "long" else f"{on:%a}" if on else ""


@register.filter(expects_localtime=True)
def month(on: date | None, style: str = "") -> str:
    """`Mar 2026`; `long`: `March 2026`. Words, which are the same for everybody."""
    return f"{on:%B %Y}" if on and style == "long" else f"{on:%b %Y}" if on else ""


@register.filter(expects_localtime=True)
def expiry(on: date | None) -> str:
    """`03/29`, as it is printed on a card anywhere."""
    return f"{on:%m/%y}" if on else ""


@register.filter(expects_localtime=True)
def moment(at: datetime | None, style: str = "") -> str:
    """`5 Mar 2026, 14:05`, with the styles of a day."""
    return locales.moment(at, style) if at else ""


@register.filter(expects_localtime=True)
def clock(at: datetime | None) -> str:
    """`14:05`."""
    return locales.clock(at) if at else ""


@register.filter
def count(value: Any) -> str:
    """How many there are. What is no number is left as it is."""
    return locales.count(value) if isinstance(value, int) else str(value)


@register.filter
def percent(value: Any) -> str:
    """`12 %`."""
    return locales.percent(value, places=0)


@register.filter
def filesize(value: int) -> str:
    """`1.2 MB`."""
    return filesizeformat(value).replace(".", locales.decimal_mark())


@register.filter
def marked(value: Decimal | str) -> str:
    """All of its figures, such as a rate's, with the reader's decimal mark."""
    return locales.in_box(value)


@register.simple_tag
def amounts_for_scripts() -> str:
    """How scripts write amounts, as JSON."""
    return locales.for_scripts(locales.reader())
