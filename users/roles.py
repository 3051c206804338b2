"""Roles, and the one table of who may do what. The code asks it, `docs/permissions.md` is printed from it, the tests walk it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.db import models


class Role(models.TextChoices):
    """What a person may do as a member. Being somebody's manager is a relation, not a role."""

    OWNER = "owner"
    ADMIN = "admin"
    FINANCE = "finance"
    AUDITOR = "auditor"
    EMPLOYEE = "employee"


# What a program is among the members: it may do what the scopes of its API keys say, and is nobody's manager, owner or approver.
INTEGRATION = "integration"


@dataclass(frozen=True, slots=True)
class Grant:
    """Who may do one thing: these roles to everybody's; anybody to their own; managers to that of the people below them.

    `routed` things are done by whomever they wait for: the operation asks who that is. Auditors are never asked.
    An API key does it to everybody's by its `scope`; what has none is done by people alone.
    """

    says: str
    roles: frozenset[Role] = frozenset()
    own: bool = False
    below: bool = False
    routed: bool = False
    scope: str | None = None

    @property
    def could_be_anybodys(self) -> bool:
        """Whether somebody without the role may do it to some object at all."""
        return self.own or self.below or self.routed


READ, WRITE = ":read", ":write"
EVERYBODY = frozenset(Role)
SEES = frozenset({Role.OWNER, Role.ADMIN, Role.FINANCE, Role.AUDITOR})
BOOKS = frozenset({Role.OWNER, Role.ADMIN, Role.FINANCE})
RUNS = frozenset({Role.OWNER, Role.ADMIN})
OWNS = frozenset({Role.OWNER})

TABLE: dict[str, Grant] = {
    "profile.own": Grant("Look after one's own profile, password and sessions; switch companies", EVERYBODY),
    "notifications.own": Grant("Read what one was told, and choose how to be told", EVERYBODY),
    "company.see": Grant("See the company's profile", EVERYBODY, scope="company:read"),
    "company.change": Grant("Change the company's profile", RUNS, scope="company:write"),
    "departments.see": Grant("See departments", EVERYBODY, scope="departments:read"),
    "departments.change": Grant("Add, change and archive departments, name their heads", RUNS, scope="departments:write"),
    "categories.see": Grant("See categories", EVERYBODY, scope="categories:read"),
    "categories.change": Grant("Add, change and archive categories", BOOKS, scope="categories:write"),
    "tags.see": Grant("See tags", EVERYBODY, scope="tags:read"),
    "tags.change": Grant("Add, rename and archive tags", BOOKS, scope="tags:write"),
    "people.see": Grant("See people", SEES, own=True, below=True, scope="people:read"),
    "people.invite": Grant("Invite, resend, revoke; see invitations", RUNS, scope="people:write"),
    "people.change": Grant("Change roles, managers and departments; suspend, deactivate, reactivate", RUNS, scope="people:write"),
    "people.own": Grant("Make, change, suspend or deactivate an owner", OWNS),
    "cards.see": Grant("See cards", SEES, own=True, below=True, scope="cards:read"),
    "cards.issue": Grant("Issue and replace cards", RUNS, scope="cards:write"),
    "cards.control": Grant("Change what a card may be spent on; lift any freeze", RUNS, scope="cards:write"),
    "cards.freeze": Grant("Freeze a card; lift one's own freeze", RUNS, own=True, scope="cards:write"),
    "cards.close": Grant("Close cards", RUNS, scope="cards:write"),
    "cards.grant": Grant("Grant room for once, and take it back", RUNS, scope="cards:write"),
    "keys.see": Grant("See API keys, their scopes and when they were used", RUNS | {Role.AUDITOR}),
    "keys.change": Grant("Make, change, rotate and revoke API keys", RUNS),
    "blocks.see": Grant("See where no card may be used", EVERYBODY, scope="cards:read"),
    "blocks.change": Grant("Change where no card may be used", RUNS, scope="cards:write"),
    "budgets.see": Grant("See budgets, beyond those that one owns or belongs to", SEES, own=True, scope="budgets:read"),
    "budgets.change": Grant("Make, change and close budgets", BOOKS, scope="budgets:write"),
    "requests.see": Grant("See requests for cards and room", SEES, own=True, below=True, scope="requests:read"),
    "requests.ask": Grant("Ask for a card, a higher limit or room for once", EVERYBODY - {Role.AUDITOR}),
    "requests.withdraw": Grant("Withdraw a request", own=True),
    "requests.decide": Grant("Decide requests, never one's own", RUNS, routed=True, scope="requests:write"),
    "policies.see": Grant("See policies", SEES, scope="policies:read"),
    "policies.change": Grant("Write policies, try them out and bring them into force", RUNS, scope="policies:write"),
    "backtests.see": Grant("See what drafts of policies and controls would have said of the past", SEES, scope="policies:read"),
    "transactions.see": Grant("See transactions and their receipts", SEES, own=True, below=True, routed=True, scope="transactions:read"),
    "transactions.describe": Grant(
        "Write memos, categories, tags, tax and splits; add and remove receipts", BOOKS, own=True, scope="transactions:write"
    ),
    "transactions.assign": Grant("Give transactions another department, and imported lines an owner", BOOKS, scope="transactions:write"),
    "claims.make": Grant("Claim money that one paid oneself", EVERYBODY - {Role.AUDITOR}),
    "claims.change": Grant("Change and cancel one's claims", own=True),
    "reimbursements.see": Grant("See claims that wait to be paid, and batches of payouts", SEES, scope="reimbursements:read"),
    "reimbursements.pay": Grant("Gather approved claims, pay them, and say what failed", BOOKS, scope="reimbursements:write"),
    "repayments.see": Grant("See what people owe for purchases that were rejected", SEES, own=True, below=True, scope="repayments:read"),
    "repayments.settle": Grant("Record what was repaid; waive it, never one's own", BOOKS, scope="repayments:write"),
    "comments.say": Grant("Comment on transactions and requests that one sees", EVERYBODY - {Role.AUDITOR}, scope="comments:write"),
    "transactions.submit": Grant("Submit for approval", BOOKS, own=True, scope="transactions:write"),
    "approvals.see": Grant("See approvals", SEES, own=True, below=True, routed=True, scope="approvals:read"),
    "approvals.decide": Grant("Approve, send back and reject, never one's own", routed=True),
    "delegations.see": Grant("See who decides for whom while somebody is away", RUNS, own=True, scope="delegations:read"),
    "delegations.make": Grant("Let somebody decide while one is away, and end that", RUNS, own=True, scope="delegations:write"),
    "accounts.see": Grant("See balances", SEES, scope="accounts:read"),
    "books.see": Grant("See what is closed, late and exported to accounting, and what is not ready for it", SEES, scope="books:read"),
    "books.close": Grant("Close the books through a day", BOOKS, scope="books:write"),
    "books.reopen": Grant("Open closed days again", RUNS, scope="books:write"),
    "books.export": Grant("Export to accounting, say what failed there, and keep its accounts", BOOKS, scope="books:write"),
    "imports.see": Grant("See imported statements", SEES, scope="imports:read"),
    "imports.book": Grant("Import statements", BOOKS, scope="imports:write"),
    "simulator.use": Grant("Act as the simulator's bank and card network", BOOKS, scope="simulator:write"),
    "reports.see": Grant("See reports of spend", SEES, own=True, below=True, scope="reports:read"),
    "activity.see": Grant("See who did what in the company", SEES, scope="events:read"),
    "webhooks.see": Grant("See where events are sent, and what came of it", RUNS | {Role.AUDITOR}, scope="webhooks:read"),
    "webhooks.change": Grant("Make, change and switch endpoints of webhooks; send and replay events", RUNS, scope="webhooks:write"),
    "exports.own": Grant("Export lists and reports that one sees, and download one's own files", EVERYBODY, scope="exports:write"),
}  # fmt: skip


# Every scope that a key can have, in the order of the table.
SCOPES: tuple[str, ...] = tuple(dict.fromkeys(grant.scope for grant in TABLE.values() if grant.scope))


def covers(scopes: Collection[str], wanted: str | None) -> bool:
    """Whether a key with these scopes may do what asks for one. Whoever may write a resource may read it."""
    return wanted is not None and (wanted in scopes or (wanted.endswith(READ) and wanted.removesuffix(READ) + WRITE in scopes))


def rules_of(scope: str) -> list[str]:
    """The lines of the table that a scope opens."""
    return [name for name, grant in TABLE.items() if covers([scope], grant.scope)]


def as_markdown() -> str:
    """The table as people read it: `docs/permissions.md`."""
    heads = ["what", *Role.values, "own", "people below", "scope of a key"]
    lines = [_INTRODUCTION, _row(heads), _row(["---", *[":-:"] * (len(heads) - 2), "---"])]
    for name, grant in TABLE.items():
        marks = [*(role in grant.roles for role in Role), grant.own, grant.below]
        routed = "; so does whoever it waits for" if grant.routed else ""
        scope = f"`{grant.scope}`" if grant.scope else ""
        lines.append(_row([f"{grant.says}{routed} (`{name}`)", *("✓" if mark else "" for mark in marks), scope]))
    return "\n".join(lines) + "\n"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


_INTRODUCTION = """\
# Who may do what

Printed from the table in `users/roles.py`, which the code asks; `users/tests/test_roles.py` holds this page to it.
A role's mark means everybody's; **own**: each member to what is their own; **people below**: managers to what belongs to those who
report to them, however indirectly. Being a manager is a relation and not a role. What somebody may not see answers 404, what they may see
and not do 403. Nobody hands out or takes away more than they have, and nobody approves their own spend.
The last column is what an API key needs: with it, it does so to everybody's, and `…:write` reads too. What has none, no key does.
"""
