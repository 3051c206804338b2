"""Roles, and the one table of who may do what. The code asks it, `docs/permissions.md` is printed from it, the tests walk it."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import models


class Role(models.TextChoices):
    """What a member may do. Being somebody's manager is a relation, not a role."""

    OWNER = "owner"
    ADMIN = "admin"
    FINANCE = "finance"
    AUDITOR = "auditor"
    EMPLOYEE = "employee"


@dataclass(frozen=True, slots=True)
class Grant:
    """Who may do one thing: these roles to everybody's; anybody to their own; managers to that of the people below them.

    `routed` things are done by whomever they wait for: the operation asks who that is. Auditors are never asked.
    """

    says: str
    roles: frozenset[Role] = frozenset()
    own: bool = False
    below: bool = False
    routed: bool = False

    @property
    def could_be_anybodys(self) -> bool:
        """Whether somebody without the role may do it to some object at all."""
        return self.own or self.below or self.routed


EVERYBODY = frozenset(Role)
SEES = frozenset({Role.OWNER, Role.ADMIN, Role.FINANCE, Role.AUDITOR})
BOOKS = frozenset({Role.OWNER, Role.ADMIN, Role.FINANCE})
RUNS = frozenset({Role.OWNER, Role.ADMIN})
OWNS = frozenset({Role.OWNER})

TABLE: dict[str, Grant] = {
    "profile.own": Grant("Look after one's own profile, password and sessions; switch companies", EVERYBODY),
    "notifications.own": Grant("Read what one was told, and choose how to be told", EVERYBODY),
    "company.see": Grant("See the company's profile", EVERYBODY),
    "company.change": Grant("Change the company's profile", RUNS),
    "departments.see": Grant("See departments", EVERYBODY),
    "departments.change": Grant("Add, change and archive departments, name their heads", RUNS),
    "categories.see": Grant("See categories", EVERYBODY),
    "categories.change": Grant("Add, change and archive categories", BOOKS),
    "tags.see": Grant("See tags", EVERYBODY),
    "tags.change": Grant("Add, rename and archive tags", BOOKS),
    "people.see": Grant("See people", SEES, own=True, below=True),
    "people.invite": Grant("Invite, resend, revoke; see invitations", RUNS),
    "people.change": Grant("Change roles, managers and departments; suspend, deactivate, reactivate", RUNS),
    "people.own": Grant("Make, change, suspend or deactivate an owner", OWNS),
    "cards.see": Grant("See cards", SEES, own=True, below=True),
    "cards.issue": Grant("Issue and replace cards", RUNS),
    "cards.control": Grant("Change what a card may be spent on; lift any freeze", RUNS),
    "cards.freeze": Grant("Freeze a card; lift one's own freeze", RUNS, own=True),
    "cards.close": Grant("Close cards", RUNS),
    "cards.grant": Grant("Grant room for once, and take it back", RUNS),
    "blocks.see": Grant("See where no card may be used", EVERYBODY),
    "blocks.change": Grant("Change where no card may be used", RUNS),
    "budgets.see": Grant("See budgets, beyond those that one owns or belongs to", SEES, own=True),
    "budgets.change": Grant("Make, change and close budgets", BOOKS),
    "requests.see": Grant("See requests for cards and room", SEES, own=True, below=True),
    "requests.ask": Grant("Ask for a card, a higher limit or room for once", EVERYBODY - {Role.AUDITOR}),
    "requests.withdraw": Grant("Withdraw a request", own=True),
    "requests.decide": Grant("Decide requests, never one's own", RUNS, routed=True),
    "policies.see": Grant("See policies", SEES),
    "policies.change": Grant("Write policies, try them out and bring them into force", RUNS),
    "backtests.see": Grant("See what drafts of policies and controls would have said of the past", SEES),
    "transactions.see": Grant("See transactions and their receipts", SEES, own=True, below=True, routed=True),
    "transactions.describe": Grant("Write memos, categories, tags, tax and splits; add and remove receipts", BOOKS, own=True),
    "transactions.assign": Grant("Give transactions another department, and imported lines an owner", BOOKS),
    "claims.make": Grant("Claim money that one paid oneself", EVERYBODY - {Role.AUDITOR}),
    "claims.change": Grant("Change and cancel one's claims", own=True),
    "reimbursements.see": Grant("See claims that wait to be paid, and batches of payouts", SEES),
    "reimbursements.pay": Grant("Gather approved claims, pay them, and say what failed", BOOKS),
    "repayments.see": Grant("See what people owe for purchases that were rejected", SEES, own=True, below=True),
    "repayments.settle": Grant("Record what was repaid; waive it, never one's own", BOOKS),
    "comments.say": Grant("Comment on transactions and requests that one sees", EVERYBODY - {Role.AUDITOR}),
    "transactions.submit": Grant("Submit for approval", BOOKS, own=True),
    "approvals.see": Grant("See approvals", SEES, own=True, below=True, routed=True),
    "approvals.decide": Grant("Approve, send back and reject, never one's own", routed=True),
    "delegations.see": Grant("See who decides for whom while somebody is away", RUNS, own=True),
    "delegations.make": Grant("Let somebody decide while one is away, and end that", RUNS, own=True),
    "accounts.see": Grant("See balances", SEES),
    "books.see": Grant("See what is closed, late and exported to accounting, and what is not ready for it", SEES),
    "books.close": Grant("Close the books through a day", BOOKS),
    "books.reopen": Grant("Open closed days again", RUNS),
    "books.export": Grant("Export to accounting, say what failed there, and keep its accounts", BOOKS),
    "imports.see": Grant("See imported statements", SEES),
    "imports.book": Grant("Import statements", BOOKS),
    "simulator.use": Grant("Act as the simulator's bank and card network", BOOKS),
    "reports.see": Grant("See reports of spend", SEES, own=True, below=True),
    "activity.see": Grant("See who did what in the company", SEES),
    "exports.own": Grant("Export lists and reports that one sees, and download one's own files", EVERYBODY),
}  # fmt: skip


def as_markdown() -> str:
    """The table as people read it: `docs/permissions.md`."""
    heads = ["what", *Role.values, "own", "people below"]
    lines = [_INTRODUCTION, _row(heads), _row(["---", *[":-:"] * (len(heads) - 1)])]
    for name, grant in TABLE.items():
        marks = [*(role in grant.roles for role in Role), grant.own, grant.below]
        routed = "; so does whoever it waits for" if grant.routed else ""
        lines.append(_row([f"{grant.says}{routed} (`{name}`)", *("✓" if mark else "" for mark in marks)]))
    return "\n".join(lines) + "\n"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


_INTRODUCTION = """\
# Who may do what

Printed from the table in `users/roles.py`, which the code asks; `users/tests/test_roles.py` holds this page to it.
A role's mark means everybody's; **own**: each member to what is their own; **people below**: managers to what belongs to those who
report to them, however indirectly. Being a manager is a relation and not a role. What somebody may not see answers 404, what they may see
and not do 403. Nobody hands out or takes away more than they have, and nobody approves their own spend.
"""
