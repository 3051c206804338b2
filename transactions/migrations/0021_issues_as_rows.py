"""What was not booked of an import stood in its report as JSON; each is a row of its own by now."""

import json

from django.db import migrations


def as_rows(apps, schema_editor):
    imports, issues = apps.get_model("transactions", "StatementImport"), apps.get_model("transactions", "StatementIssue")
    for record in imports.objects.order_by("pk").iterator(chunk_size=50):
        report = json.loads(record.report)
        told = report.pop("issues", [])
        rows = [
            issues(
                company_id=record.company_id, statement_import_id=record.pk, line=one["line"], kind=one["kind"], reason=one["reason"][:300], field=one["field"]
            )
            for one in told
        ]
        issues.objects.bulk_create(rows, batch_size=500)
        imports.objects.filter(pk=record.pk).update(report=json.dumps({"unbilled": {}, **report}))


class Migration(migrations.Migration):
    dependencies = [("transactions", "0020_statement_uploads")]
    operations = [migrations.RunPython(as_rows, migrations.RunPython.noop)]
