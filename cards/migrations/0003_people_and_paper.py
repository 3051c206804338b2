import django.db.models.deletion
import spendtrackr.ids
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('cards', '0002_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='card',
            name='counts_with',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='cards.card'),
        ),
        migrations.AddField(
            model_name='card',
            name='replaces',
            field=models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='cards.card'),
        ),
        migrations.AddField(
            model_name='cardcontrols',
            name='allowed_codes',
            field=models.TextField(default='[]'),
        ),
        migrations.AlterField(
            model_name='freeze',
            name='source',
            field=spendtrackr.ids.MachineTextField(choices=[('holder', 'Holder'), ('admin', 'Admin'), ('offboarding', 'Offboarding')], max_length=12),
        ),
    ]
