"""Sums within one value of another dimension, and an index of lines by each dimension and day."""

import django.db.models.deletion
import spendtrackr.ids
from django.db import migrations, models
from django.db.models import Count, F, Sum
from django.db.models.functions import Coalesce, TruncMonth

BLOCK = 1000
DIMENSIONS = ["category", "department", "member", "card", "merchant", "budget"]
_CHOICES = [(name, name.capitalize()) for name in DIMENSIONS]
_TO = {
    "category": "companies.category", "department": "companies.department", "member": "users.membership", "card": "cards.card",
    "merchant": "transactions.merchant", "budget": "cards.budget",
}  # fmt: skip


def add_up(apps, schema_editor):
    rollup, lines = apps.get_model("transactions", "MonthSpendWithin"), apps.get_model("transactions", "SpendLine").objects
    rollup.objects.all().delete()  # so that it may run again
    for within in DIMENSIONS:
        for dimension in DIMENSIONS:
            if within != dimension:
                _add_up(rollup, lines, within, dimension)


def _add_up(rollup, lines, within, dimension):
    of_each = lines.annotate(
        month=TruncMonth("day"), inside=Coalesce(F(f"{within}_id"), 0), value=Coalesce(F(f"{dimension}_id"), 0)
    ).values_list("company_id", "inside", "month", "currency", "value")
    sums = of_each.annotate(n=Count("pk"), items=Sum("counts"), total=Sum("amount_minor")).order_by()
    block = []
    for company_id, inside, month, currency, value, count, items, total in list(sums):
        block.append(rollup(
            company_id=company_id, within=within, within_id=inside, dimension=dimension, starts_on=month, currency=currency,
            value_id=value, line_count=count, item_count=items, amount_minor=total,
        ))  # fmt: skip
    rollup.objects.bulk_create(block, batch_size=BLOCK)


def _relation(name):
    return models.ForeignKey(
        db_constraint=name != "budget", db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=_TO[name]
    )


class Migration(migrations.Migration):

    dependencies = [
        ("cards", "0005_frozen_by_a_rule"),
        ("companies", "0004_tags"),
        ("transactions", "0014_backtests"),
        ("users", "0004_notifications"),
    ]

    operations = [
        migrations.CreateModel(
            name="MonthSpendWithin",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("company", models.ForeignKey(db_constraint=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="companies.company")),
                ("starts_on", models.DateField()),
                ("currency", spendtrackr.ids.MachineTextField(max_length=3)),
                ("dimension", spendtrackr.ids.MachineTextField(choices=_CHOICES, max_length=10)),
                ("value_id", models.BigIntegerField()),
                ("line_count", models.BigIntegerField()),
                ("item_count", models.BigIntegerField()),
                ("amount_minor", models.BigIntegerField()),
                ("within", spendtrackr.ids.MachineTextField(choices=_CHOICES, max_length=10)),
                ("within_id", models.BigIntegerField()),
            ],
            options={
                "db_table": "month_spend_within",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("company", "within", "within_id", "dimension", "starts_on", "currency", "value_id"),
                        name="month_within_one_cell",
                    )
                ],
            },
        ),
        # The new index first: a foreign key always needs one.
        *(
            migrations.AddIndex("spendline", models.Index(fields=[name, "day"], name=f"spend_lines_by_{name}"))
            for name in DIMENSIONS
        ),
        *(migrations.AlterField("spendline", name, _relation(name)) for name in DIMENSIONS),
        migrations.RemoveIndex("spendline", "spend_lines_of_member"),
        migrations.RunPython(add_up, migrations.RunPython.noop, elidable=True),
    ]
