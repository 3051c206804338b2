"""What tests of reports share."""

from __future__ import annotations

import pytest

from reports.queries import remembered


@pytest.fixture
def redis(settings, monkeypatch):
    """Whatever cache the tests have, as if it was Redis."""
    settings.REDIS_URL = settings.REDIS_URL or "redis://of-the-tests"
    monkeypatch.setattr(remembered, "_away_until", 0.0)
