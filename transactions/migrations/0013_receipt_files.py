"""A receipt is a file, and its attachments say what it proves: what is attached to a transaction moves there.

Copying may run again: what is there already is left alone.
"""

import django.db.models.deletion
from django.db import migrations, models

import spendtrackr.ids

# One statement for all companies, however many receipts they have. Ended is what has no hash any more.
COPY = """
INSERT INTO receipt_attachments
    (company_id, receipt_id, transaction_id, attached_hash, attached_by_id, attached_at, removed_by_id, removed_at)
SELECT company_id, id, transaction_id, attached_hash, uploaded_by_id, uploaded_at,
    CASE WHEN attached_hash IS NULL THEN removed_by_id END,
    CASE WHEN attached_hash IS NULL THEN COALESCE(removed_at, uploaded_at) END
FROM receipts
WHERE NOT EXISTS (SELECT 1 FROM receipt_attachments WHERE receipt_attachments.receipt_id = receipts.id)
"""
COUNT = "UPDATE receipts SET transaction_count = 1 WHERE attached_hash IS NOT NULL"


class Migration(migrations.Migration):
    dependencies = [
        ("companies", "0004_tags"),
        ("transactions", "0012_claims_and_comments"),
        ("users", "0003_everybody_on_top"),
    ]

    operations = [
        migrations.CreateModel(
            name="Attachment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("attached_hash", spendtrackr.ids.MachineTextField(max_length=64, null=True)),
                ("attached_at", models.DateTimeField()),
                ("removed_at", models.DateTimeField(null=True)),
                ("attached_by", models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="users.membership")),
                ("company", models.ForeignKey(db_constraint=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="companies.company")),
                ("receipt", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="attachments", to="transactions.receipt")),
                ("removed_by", models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="users.membership")),
                ("transaction", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="transactions.transaction")),
            ],
            options={
                "db_table": "receipt_attachments",
                "constraints": [
                    models.UniqueConstraint(fields=("transaction", "attached_hash"), name="receipt_attachments_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("attached_hash__isnull", False), ("removed_at__isnull", True)),
                            models.Q(("attached_hash__isnull", True), ("removed_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="receipt_attachments_ended",
                    ),
                ],
            },
        ),
        migrations.AddField(model_name="receipt", name="amount_minor", field=models.BigIntegerField(null=True)),
        migrations.AddField(model_name="receipt", name="currency", field=spendtrackr.ids.MachineTextField(default="", max_length=3)),
        migrations.AddField(model_name="receipt", name="merchant_name", field=models.CharField(default="", max_length=120)),
        migrations.AddField(model_name="receipt", name="spent_on", field=models.DateField(null=True)),
        migrations.AddField(model_name="receipt", name="transaction_count", field=models.PositiveSmallIntegerField(default=0)),
        migrations.RunSQL([COPY, COUNT]),
        migrations.RemoveConstraint(model_name="receipt", name="receipts_attached_once"),
        migrations.RemoveField(model_name="receipt", name="attached_hash"),
        migrations.RemoveField(model_name="receipt", name="transaction"),
        migrations.AddIndex(
            model_name="receipt", index=models.Index(fields=["uploaded_by", "transaction_count"], name="receipts_inbox")
        ),
        migrations.AddIndex(model_name="receipt", index=models.Index(fields=["company", "content_hash"], name="receipts_by_content")),
        migrations.AddConstraint(
            model_name="receipt",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_minor__isnull", True), ("amount_minor__gt", 0), _connector="OR"),
                name="receipts_amount_positive",
            ),
        ),
    ]
