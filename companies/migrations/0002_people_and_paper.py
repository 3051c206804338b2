import django.db.models.deletion
import spendtrackr.ids
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('companies', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='category',
            name='archived_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='company',
            name='auto_approve_below_minor',
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='company',
            name='memo_required_from_minor',
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='company',
            name='next_time_zone',
            field=spendtrackr.ids.MachineTextField(default='', max_length=60),
        ),
        migrations.AddField(
            model_name='company',
            name='next_time_zone_on',
            field=models.DateField(null=True),
        ),
        migrations.AddField(
            model_name='company',
            name='receipt_required_from_minor',
            field=models.BigIntegerField(default=0, null=True),
        ),
        migrations.CreateModel(
            name='Department',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', spendtrackr.ids.PublicIdField('dep')),
                ('name', models.CharField(max_length=80)),
                ('name_key', spendtrackr.ids.MachineTextField(max_length=80)),
                ('created_at', models.DateTimeField()),
                ('archived_at', models.DateTimeField(null=True)),
                ('company', models.ForeignKey(db_constraint=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='companies.company')),
                ('parent', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='companies.department')),
            ],
            options={
                'db_table': 'departments',
                'constraints': [models.UniqueConstraint(fields=('company', 'name_key'), name='departments_one_name')],
            },
        ),
    ]
