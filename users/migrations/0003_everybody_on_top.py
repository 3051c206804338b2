"""Nobody had a manager yet, and addresses were taken as they came."""

from django.db import migrations
from django.db.models import F


def fill(apps, schema_editor):
    apps.get_model("users", "User").objects.filter(confirmed_at=None).update(confirmed_at=F("joined_at"))
    members = apps.get_model("users", "Membership").objects
    for pk in members.filter(chain="").values_list("pk", flat=True):
        members.filter(pk=pk).update(chain=f"{pk}.")


class Migration(migrations.Migration):

    dependencies = [("users", "0002_people_and_paper")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop, elidable=True)]
