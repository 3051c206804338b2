"""Lines of spend knew no budget: they get that of their purchase, and rollups add them up by it."""

from django.db import migrations
from django.db.models import Count, OuterRef, Subquery, Sum
from django.db.models.functions import TruncMonth

BLOCK = 1000


def add_up(apps, schema_editor):
    lines, purchases = apps.get_model("transactions", "SpendLine").objects, apps.get_model("transactions", "Transaction").objects
    drawn = purchases.filter(pk=OuterRef("transaction_id")).values("budget_id")[:1]
    lines.filter(transaction__budget__isnull=False).update(budget_id=Subquery(drawn))
    for name, start in (("DaySpend", "day"), ("MonthSpend", "month")):
        rollup = apps.get_model("transactions", name)
        rollup.objects.filter(dimension="budget").delete()  # so that it may run again
        of_each = lines.annotate(month=TruncMonth("day")).values_list("company_id", start, "currency", "budget_id")
        sums = of_each.annotate(n=Count("pk"), items=Sum("counts"), total=Sum("amount_minor")).order_by()
        rows = [
            rollup(
                company_id=company_id, dimension="budget", starts_on=first, currency=currency, value_id=value_id or 0,
                line_count=count, item_count=items, amount_minor=total,
            )
            for company_id, first, currency, value_id, count, items, total in sums.iterator(chunk_size=BLOCK)
        ]
        rollup.objects.bulk_create(rows, batch_size=BLOCK)


class Migration(migrations.Migration):

    dependencies = [("transactions", "0010_splits_and_tags")]

    operations = [migrations.RunPython(add_up, migrations.RunPython.noop, elidable=True)]
