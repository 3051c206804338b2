"""The house rules that a machine can hold."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db import models

from spendtrackr.ids import MachineTextField
from spendtrackr.tenancy import AppendOnlyModel, TenantManager, TenantModel

ROOT = Path(settings.BASE_DIR)
OURS = ["spendtrackr", "companies", "users", "cards", "transactions", "reports"]
# What belongs to no single company.
GLOBAL = {"companies.Company", "users.User", "users.EmailLink", "spendtrackr.ThrottleCounter"}
APPEND_ONLY = {
    "Event", "CardControls", "Message", "Draw", "Entry", "Posting", "SpendLine", "StatementIssue", "ImportedLine", "Policy",
    "PolicyActivation", "ApprovalDecision", "Comment", "RepaymentPart", "BookClosing", "AccountingRow",
}  # fmt: skip
# Inside an app every file has one of a few names, and each name means the same everywhere.
FILES = {
    "__init__", "admin", "apps", "controls", "counters", "filters", "forms", "hashers", "locks", "models", "operations", "permissions",
    "policies", "queries", "roles", "documents", "timeline", "spending",
    "serializers", "tasks", "tokens", "authentication", "urls", "views", "viewsets", "merchant_categories",
    "notices", "balances", "draws", "decisions", "swipe_sql", "routing", "chasing", "backtests", "replays", "splits", "claims",
    "repayments", "matching", "accounting",
    "ledger", "merchants", "purchases", "rollups", "charts", "shape", "catalogue", "tables", "recurring", "demo", "overview", "activity",
    "verification",
}  # fmt: skip
BANNED = {"utils", "helpers", "common", "core", "misc", "services", "signals"}

OUR_MODELS = [model for model in apps.get_models() if model._meta.app_label in OURS]


def sources(*, tests: bool = False) -> list[Path]:
    found = [path for app in OURS for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts]
    return [path for path in found if ("tests" in path.parts) is tests]


@pytest.mark.parametrize("model", OUR_MODELS, ids=lambda model: model.__name__)
def test_every_table_belongs_to_a_company_or_is_known_to_be_global(model):
    if model._meta.label in GLOBAL:
        return
    assert issubclass(model, TenantModel), f"{model._meta.label} needs a company, or a place in GLOBAL with a reason"
    assert not model._meta.get_field("company").null
    assert isinstance(model._default_manager, TenantManager), "the scoped manager must stay the default one"


def test_the_global_tables_are_these():
    assert {model._meta.label for model in OUR_MODELS if not issubclass(model, TenantModel)} == GLOBAL


def test_rows_that_are_facts_are_append_only():
    assert {model.__name__ for model in OUR_MODELS if issubclass(model, AppendOnlyModel)} == APPEND_ONLY


@pytest.mark.parametrize("model", OUR_MODELS, ids=lambda model: model.__name__)
def test_money_is_a_whole_number_of_minor_units(model):
    for field in model._meta.concrete_fields:
        assert not isinstance(field, models.DecimalField | models.FloatField | models.JSONField | models.UUIDField), field
        if field.name.endswith("_minor"):
            assert isinstance(field, models.BigIntegerField), field
        if re.search(r"amount|balance|limit$|cap$", field.name):
            assert field.name.endswith("_minor"), field


def test_postings_have_their_amount_in_minor_units():
    posting = apps.get_model("transactions", "Posting")
    assert posting._meta.db_table == "postings"
    assert [field.column for field in posting._meta.concrete_fields if "amount" in field.column] == ["amount_minor"]


@pytest.mark.parametrize("model", OUR_MODELS, ids=lambda model: model.__name__)
def test_what_machines_compare_is_compared_byte_by_byte(model):
    for field in model._meta.concrete_fields:
        unique = field.unique or any(field.name in c.fields for c in model._meta.constraints if isinstance(c, models.UniqueConstraint))
        if isinstance(field, models.CharField) and unique:
            assert isinstance(field, MachineTextField), field


@pytest.mark.parametrize("model", OUR_MODELS, ids=lambda model: model.__name__)
def test_no_constraint_that_mysql_would_leave_out(model):
    """MySQL and MariaDB skip conditional and expression indexes without a word."""
    for constraint in model._meta.constraints:
        if isinstance(constraint, models.UniqueConstraint):
            assert constraint.condition is None, constraint
            assert not constraint.expressions, constraint


def test_no_foreign_key_leads_to_a_hot_row():
    hot = {"FundingAccount", "LimitCounter"}
    for model in OUR_MODELS:
        for field in model._meta.concrete_fields:
            if isinstance(field, models.ForeignKey) and field.related_model.__name__ in hot:
                assert not field.db_constraint, f"{field} would take a lock on a hot row at every insert"


def test_files_have_the_names_that_mean_something():
    for path in sources():
        parts = path.relative_to(ROOT).with_suffix("").parts
        assert not BANNED & set(parts), path
        if len(parts) == 2 and parts[0] != "spendtrackr":
            assert parts[1] in FILES, f"{path}: a new kind of file needs a line in CONTRIBUTING and here"


def calls(tree: ast.AST) -> set[str]:
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


def test_no_user_and_no_company_exists_without_an_operation():
    makers = re.compile(r"^(User|Company)(\.(objects|across_companies)\.(create|get_or_create|update_or_create|bulk_create))?$")
    for path in sources():
        if path.relative_to(ROOT).as_posix() in {
            "users/operations/access.py",
            "users/operations/keys.py",
            "users/operations/people.py",
            "companies/operations/profile.py",
        }:
            continue
        assert not [call for call in calls(ast.parse(path.read_text())) if makers.match(call)], path
    assert not hasattr(apps.get_model("users", "User").objects, "create_user")


def test_there_are_no_signals_and_the_domain_has_no_clock():
    for path in sources():
        text = path.read_text()
        assert "django.db.models.signals" not in text, path
        assert "django.dispatch" not in text, path
        name = path.relative_to(ROOT).as_posix()
        is_edge = {"views", "viewsets", "admin"} & set(path.parts)
        domain = not is_edge and path.stem in {
            "operations",
            "controls",
            "queries",
            "purchases",
            "draws",
            "ledger",
            "rollups",
            "counters",
            "models",
        }
        if domain or "/operations/" in name or "/statements/" in name or "/models/" in name:
            assert "timezone.now" not in text, f"{name}: pass at="
            assert "datetime.now" not in text, f"{name}: pass at="


def test_only_sign_in_sweeps_and_operators_leave_the_scope():
    allowed = {
        "cards/models/budgets.py", "cards/models/cards.py", "cards/models/requests.py", "cards/tasks.py", "companies/models.py",
        "reports/models.py", "reports/tasks.py",
        "reports/verification/tenancy.py", "reports/verification/walking.py", "spendtrackr/admin.py", "spendtrackr/events.py",
        "spendtrackr/webhooks/deliveries.py",
        "spendtrackr/idempotency.py", "spendtrackr/tenancy.py", "transactions/models/purchases.py", "transactions/models/receipts.py",
        "transactions/tasks.py", "users/authentication.py", "users/models.py", "users/operations/access.py",
        "users/operations/links.py", "users/queries.py",
    }  # fmt: skip
    found = {path.relative_to(ROOT).as_posix() for path in sources() if "across_companies" in path.read_text()}
    assert found == allowed


# How a template may write: for machines. People read `day`, `moment`, `clock`, `month`, `filesize`, as their region writes them.
FOR_MACHINES = {"date:'c'", "date:'Y-m-d'", "date:'Y-m'", "stringformat:'.1f'"}
# Words of a template that Django would write alike for every reader.
_FILTERS = "date|time|stringformat|floatformat|filesizeformat|intcomma|naturalday|timesince|timeuntil"
WRITES = rf"\|\s*((?:{_FILTERS})\b(?::(?:'[^']*'|\"[^\"]*\"|[\w.]+))?)"


def written_alike(template: str) -> set[str]:
    return {said for said in re.findall(WRITES, template) if said not in FOR_MACHINES}


def test_templates_write_days_times_and_numbers_as_their_reader_does():
    for path in (ROOT / "templates").rglob("*"):
        if path.is_dir() or "admin" in path.parts:
            continue
        text = path.read_text()
        assert written_alike(text) == set(), f"{path}: the filters of spendtrackr/templatetags/written.py follow the reader"
        assert not re.search(r"\}\}\s?%(?!\})", text), f"{path}: `|percent` knows where the sign stands"
        assert not re.search(r'value="[^"]*\.decimal \}\}', text), f"{path}: an amount in a box is its `in_box`"


@pytest.mark.parametrize(
    "said", ['{{ row.day|date:"j M Y" }}', "{{ at|time:'H:i' }}", "{{ at|date }}", "{{ size|filesizeformat }}", "{{ x|floatformat:2 }}"]
)
def test_the_rule_about_templates_finds_what_it_is_about(said):
    assert written_alike(said)


def test_pages_write_days_and_amounts_in_one_way():
    """What Python writes for a page goes through `locales` and `Money.written`. What is stored names its format itself."""
    own = {"spendtrackr/locales.py", "transactions/notices.py", "transactions/statements/mapping.py"}
    for path in sources():
        name = path.relative_to(ROOT).as_posix()
        if name in own or {"demo", "verification", "management", "admin"} & set(path.parts):
            continue
        assert not re.search(r"%-?d %b|\.day\} \{|parse_decimal\(text", path.read_text()) or name == "spendtrackr/money.py", path


def test_every_module_says_what_it_is_for():
    for path in sources():
        assert ast.get_docstring(ast.parse(path.read_text())) or path.stat().st_size == 0, path


def test_functions_stay_short():
    """Not a limit on taste: a long tail of functions is how tired codebases begin."""
    lengths = [
        (node.end_lineno - node.lineno + 1, f"{path.relative_to(ROOT)}:{node.name}")
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    ]
    assert sorted(entry for entry in lengths if entry[0] > 45) == []
    assert sorted(length for length, _ in lengths)[len(lengths) // 2] <= 9


def test_card_numbers_have_no_place_anywhere():
    for model in OUR_MODELS:
        names = {field.name for field in model._meta.concrete_fields}
        assert not {"pan", "number", "card_number", "cvv", "cvc", "cvv2"} & names, model


def test_nothing_names_a_machine_or_a_registry():
    tracked = [
        path for path in ROOT.rglob("*") if path.suffix in {".py", ".md", ".toml", ".txt", ".yml", ".html", ".css", ""} and path.is_file()
    ]
    private = [
        ".venv",
        "var",
        ".git",
        "node_modules",
        ".mypy_cache",
        ".ruff_cache",
        ".pytest_cache",
        ".hypothesis",
        "__pycache__",
        "staticfiles",
    ]
    for path in tracked:
        if any(part in private for part in path.relative_to(ROOT).parts):
            continue
        text = path.read_text(errors="ignore")
        assert "/work" + "/main" not in text, path
        assert not re.search(r"https?://[^\s/]*(pypi|npmjs|mirror)", text), path
