"""`manage.py worker`: background work. The rows are the queue, so any number of workers may run, and none may be missed."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, close_old_connections

from cards import tasks as cards
from reports import tasks as reports
from spendtrackr import events, idempotency
from spendtrackr.webhooks.sender import Sender
from transactions import tasks as transactions
from users import tasks as users

log = logging.getLogger(__name__)
# In rounds, of one second unless told otherwise.
FOLLOW_EVERY, PRUNE_EVERY = 60, 600


class Command(BaseCommand):
    help = (
        "Seal events, send them to webhooks, tell people of them, send mails, have issuers make pending cards, let go of old holds, "
        "chase what is missing, remind and escalate, begin and end delegations, try drafts on the past, read and book statements, "
        "write and forget exports, "
        "forget old idempotency keys. Stops at SIGTERM after the round."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="One round, then stop.")
        parser.add_argument("--every", type=float, default=1.0, metavar="SECONDS")

    def handle(self, *args: Any, once: bool, every: float, **options: Any) -> None:
        stop = threading.Event()
        if not once:
            for name in (signal.SIGTERM, signal.SIGINT):
                signal.signal(name, lambda *_: stop.set())
        sender = Sender(reports.TELLING)
        if once:
            self._round(0)
            sender.send_due()
        else:
            sender.start()
            self._rounds(stop, every, sender)
            sender.stop()
        reports.let_go()
        transactions.let_go()

    def _rounds(self, stop: threading.Event, every: float, sender: Sender) -> None:
        rounds = 0
        while not stop.is_set():
            if not sender.is_alive:
                raise CommandError("The thread that sends webhooks is gone: start the worker again.")
            self._round(rounds)
            rounds += 1
            close_old_connections()
            stop.wait(every)

    def _round(self, number: int) -> None:
        works: list[Callable[[], int]] = [
            events.seal_all, reports.hand_out_webhooks, transactions.notify, users.send_due, users.post_due, cards.complete_pending,
            transactions.expire_holds, transactions.turn_delegations, transactions.chase_missing, transactions.remind_approvers,
            transactions.escalate_steps, transactions.run_backtests, transactions.run_uploads, reports.run_exports,
        ]  # fmt: skip
        if number % FOLLOW_EVERY == 0:
            works += [transactions.follow_people, transactions.forget_uploads, reports.forget_exports, reports.forget_deliveries]
        if number % PRUNE_EVERY == 0:
            works.append(idempotency.prune)
        for work in works:
            try:
                work()
            except DatabaseError:
                log.warning("%s could not run; the next round tries again", work.__qualname__, exc_info=True)
            except Exception:
                log.exception("%s failed; the next round tries again", work.__qualname__)
