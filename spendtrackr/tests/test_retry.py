from __future__ import annotations

import pytest
from django.db import OperationalError, transaction

from spendtrackr import retry


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [(1213, "deadlock"), (1205, "lock wait"), (1020, "changed"), ("database is locked",)])
def test_lock_trouble_is_tried_again_as_a_whole(error):
    tries = []

    def work():
        assert transaction.get_connection().in_atomic_block
        tries.append(1)
        if len(tries) < 3:
            raise OperationalError(*error)
        return "done"

    assert retry.in_transaction(work) == "done"
    assert len(tries) == 3


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [(2006, "gone away"), (2013, "lost connection"), (1048, "column cannot be null")])
def test_an_unknown_commit_is_never_run_again_blindly(error):
    tries = []

    def work():
        tries.append(1)
        raise OperationalError(*error)

    with pytest.raises(OperationalError):
        retry.in_transaction(work)
    assert len(tries) == 1


@pytest.mark.django_db(transaction=True)
def test_it_gives_up_in_time(monkeypatch):
    monkeypatch.setattr(retry, "LAST_START_SECONDS", 0)
    tries = []

    def work():
        tries.append(1)
        raise OperationalError(1213, "deadlock")

    with pytest.raises(OperationalError):
        retry.in_transaction(work)
    assert len(tries) == 1


@pytest.mark.django_db
def test_inside_a_transaction_it_joins_and_leaves_retrying_to_the_outermost():
    tries = []

    def work():
        tries.append(1)
        raise OperationalError(1213, "deadlock")

    with pytest.raises(OperationalError), transaction.atomic():
        retry.in_transaction(work)
    assert len(tries) == 1
