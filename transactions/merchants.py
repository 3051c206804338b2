"""Which merchant a descriptor means. The descriptor as sent stays on the transaction."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from django.db import IntegrityError, transaction

from cards.controls import merchant_key
from spendtrackr.card_numbers import mask_card_numbers
from transactions.models import Merchant

UNNAMED = "Unnamed merchant"


def clean_name(text: str) -> str:
    """One line of at most 120 characters, control characters gone, anything that could be a card number masked."""
    visible = "".join(" " if unicodedata.category(c) in {"Cc", "Cf", "Co", "Zl", "Zp"} else c for c in text)
    return mask_card_numbers(" ".join(visible.split()))[:120]


def find_or_add(descriptor: str, network_id: str = "") -> Merchant:
    """The company's merchant for this descriptor, made when it is new."""
    name = clean_name(descriptor) or UNNAMED
    key = merchant_key(name, network_id)
    found = Merchant.objects.select_related("category").filter(key=key).first()
    if found:
        return found
    try:
        with transaction.atomic():
            return Merchant.objects.create(name=name, key=key)
    except IntegrityError:  # added by another swipe a moment ago
        return Merchant.objects.get(key=key)


def find_or_add_all(descriptors: Iterable[str]) -> dict[str, Merchant]:
    """The same for many names at once, by descriptor. Blank descriptors name nobody and are left out."""
    names = {descriptor: clean_name(descriptor) for descriptor in descriptors if clean_name(descriptor)}
    by_key: dict[str, str] = {}
    for name in names.values():
        by_key.setdefault(merchant_key(name), name)
    known = _known(by_key)
    missing = [Merchant(name=name, key=key) for key, name in sorted(by_key.items()) if key not in known]
    if missing:
        Merchant.objects.bulk_create(missing, ignore_conflicts=True, batch_size=500)
        known = _known(by_key)
    return {descriptor: known[merchant_key(name)] for descriptor, name in names.items()}


def _known(keys: Iterable[str]) -> dict[str, Merchant]:
    wanted = list(keys)
    known: dict[str, Merchant] = {}
    for start in range(0, len(wanted), 500):
        known |= {merchant.key: merchant for merchant in Merchant.objects.filter(key__in=wanted[start : start + 500])}
    return known
