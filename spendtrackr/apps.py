"""The kernel is an installed app too: it owns events, idempotency keys and throttle counters."""

from __future__ import annotations

from django.apps import AppConfig


class SpendTrackrConfig(AppConfig):
    name = "spendtrackr"
    verbose_name = "Events and keys"

    def ready(self) -> None:
        from spendtrackr import checks  # noqa: F401, PLC0415 -- registers the system checks
