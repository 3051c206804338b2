from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta

from spendtrackr.ids import first_id, new_id


def test_an_id_says_what_it_is_of():
    assert re.fullmatch(r"card_[0-9a-hjkmnp-tv-z]{26}", new_id("card"))


def test_later_ids_sort_after_earlier_ones():
    first = new_id("txn")
    time.sleep(0.002)
    assert first < new_id("txn")


def test_ids_made_in_the_same_moment_differ():
    assert len({new_id("txn") for _ in range(2000)}) == 2000


def test_ids_made_since_an_instant_sort_after_its_first_id():
    before, instant = new_id("evt"), datetime.now(UTC) + timedelta(milliseconds=2)
    time.sleep(0.003)
    assert before < first_id("evt", instant) < new_id("evt")
