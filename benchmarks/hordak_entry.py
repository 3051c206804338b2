"""Post balanced entries with django-hordak, in an environment of its own: it must not come into ours.

    python3 -m venv /tmp/hordak && /tmp/hordak/bin/pip install 'django-hordak>=2,<3' 'mysqlclient>=2.3,<3'
    … -m benchmarks.run --hordak /tmp/hordak/bin/python

Started by `benchmarks.run`: `prepare` makes its tables and accounts; `post CLIENTS SECONDS` prints what the clients saw, as JSON.
"""

from __future__ import annotations

import json
import os
import sys

from django.conf import settings

settings.configure(
    SECRET_KEY="x" * 50,
    DATABASES={"default": json.loads(os.environ["HORDAK_DATABASE"])},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "mptt", "djmoney", "hordak"],
    DEFAULT_CURRENCY="USD",
    CURRENCIES=["USD"],
    USE_TZ=True,
)

import django  # noqa: E402 -- the settings come first

django.setup()

from django.core.management import call_command  # noqa: E402
from hordak.models import Account  # noqa: E402
from moneyed import Money  # noqa: E402

from benchmarks.clients import Call, Contender, measure  # noqa: E402

COMPANIES = 8


def prepare() -> None:
    call_command("migrate", verbosity=0)
    for number in range(COMPANIES):
        Account.objects.create(name=f"Bank {number}", code=f"1{number}", type="AS", currencies=["USD"])
        Account.objects.create(name=f"Available {number}", code=f"2{number}", type="LI", currencies=["USD"])


def make(number: int) -> Call:
    """Each client posts for its own company."""
    bank, available = (Account.objects.get(code=f"{kind}{number % COMPANIES}") for kind in (1, 2))
    return lambda turn: bank.transfer_to(available, Money(1, "USD"))


if __name__ == "__main__":
    if sys.argv[1] == "prepare":
        prepare()
    else:
        seen = measure(Contender(make, int(sys.argv[2])), float(sys.argv[3]))
        print(json.dumps({"taken": seen.taken, "span": seen.span, "cpu": seen.cpu, "errors": seen.errors}))
