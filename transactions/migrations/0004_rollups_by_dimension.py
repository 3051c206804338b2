"""Rollups knew categories only: count their items, and add up the lines by every other dimension."""

from django.db import migrations
from django.db.models import Count, F, Sum
from django.db.models.functions import TruncMonth

DIMENSIONS = ["member", "card", "merchant"]
BLOCK = 1000


def add_up(apps, schema_editor):
    lines = apps.get_model("transactions", "SpendLine").objects.annotate(month=TruncMonth("day"))
    for name, start in (("DaySpend", "day"), ("MonthSpend", "month")):
        rollup = apps.get_model("transactions", name)
        rollup.objects.exclude(dimension="category").delete()  # so that it may run again
        rollup.objects.update(item_count=F("line_count"))
        for dimension in DIMENSIONS:
            sums = lines.values_list("company_id", start, "currency", f"{dimension}_id").annotate(n=Count("pk"), total=Sum("amount_minor"))
            rows = []
            for company_id, first, currency, value_id, count, total in sums.order_by().iterator(chunk_size=BLOCK):
                rows.append(
                    rollup(
                        company_id=company_id, dimension=dimension, starts_on=first, currency=currency, value_id=value_id or 0,
                        line_count=count, item_count=count, amount_minor=total,
                    )
                )
            rollup.objects.bulk_create(rows, batch_size=BLOCK)
        # Nobody had a department yet.
        sums = lines.values_list("company_id", start, "currency").annotate(n=Count("pk"), total=Sum("amount_minor")).order_by()
        rollup.objects.bulk_create(
            [
                rollup(
                    company_id=company_id, dimension="department", starts_on=first, currency=currency, value_id=0,
                    line_count=count, item_count=count, amount_minor=total,
                )
                for company_id, first, currency, count, total in sums
            ],
            batch_size=BLOCK,
        )


class Migration(migrations.Migration):

    dependencies = [("transactions", "0003_people_and_paper")]

    operations = [migrations.RunPython(add_up, migrations.RunPython.noop, elidable=True)]
