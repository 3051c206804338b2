import json

import cards.models.controls
import django.db.models.deletion
import spendtrackr.ids
from django.db import migrations, models


def monthly_limits_become_limits(apps, schema_editor):
    controls = apps.get_model("cards", "CardControls")._base_manager
    for pk, minor in controls.filter(monthly_limit_minor__isnull=False).values_list("pk", "monthly_limit_minor"):
        controls.filter(pk=pk).update(limits=json.dumps([{"interval": "month", "amount_minor": minor, "count": None}]))


class Migration(migrations.Migration):

    dependencies = [
        ('cards', '0003_people_and_paper'),
        ('companies', '0002_people_and_paper'),
        ('users', '0003_everybody_on_top'),
    ]

    operations = [
        migrations.CreateModel(
            name='BlockList',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveBigIntegerField(default=0)),
                ('codes', cards.models.controls.ListOfTexts(default='[]')),
                ('merchants', cards.models.controls.ListOfTexts(default='[]')),
                ('countries', cards.models.controls.ListOfTexts(default='[]')),
            ],
            options={
                'db_table': 'block_lists',
            },
        ),
        migrations.CreateModel(
            name='Budget',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', spendtrackr.ids.PublicIdField('bud')),
                ('name', models.CharField(max_length=80)),
                ('name_key', spendtrackr.ids.MachineTextField(max_length=80)),
                ('chain', spendtrackr.ids.MachineTextField(default='', max_length=200)),
                ('currency', spendtrackr.ids.MachineTextField(max_length=3)),
                ('limit_minor', models.BigIntegerField()),
                ('interval', spendtrackr.ids.MachineTextField(choices=[('month', 'Every month'), ('quarter', 'Every quarter'), ('year', 'Every year'), ('all_time', 'Once')], db_column='per_interval', max_length=10)),
                ('year_starts_month', models.PositiveSmallIntegerField(default=1)),
                ('is_hard', models.BooleanField()),
                ('created_at', models.DateTimeField()),
                ('closed_at', models.DateTimeField(null=True)),
            ],
            options={
                'db_table': 'budgets',
            },
        ),
        migrations.CreateModel(
            name='BudgetMember',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
            ],
            options={
                'db_table': 'budget_members',
            },
        ),
        migrations.CreateModel(
            name='CardRequest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', spendtrackr.ids.PublicIdField('req')),
                ('kind', spendtrackr.ids.MachineTextField(choices=[('card', 'A card'), ('raise', 'A higher limit'), ('grant', 'More for once')], max_length=8)),
                ('name', models.CharField(default='', max_length=80)),
                ('currency', spendtrackr.ids.MachineTextField(max_length=3)),
                ('amount_minor', models.BigIntegerField()),
                ('interval', spendtrackr.ids.MachineTextField(choices=[('day', 'a day'), ('week', 'a week'), ('month', 'a month'), ('quarter', 'a quarter'), ('year', 'a year'), ('all_time', 'altogether'), ('unapproved', 'until approved'), ('grant', 'of the grant')], db_column='per_interval', default='month', max_length=12)),
                ('until', models.DateField(null=True)),
                ('reason', models.CharField(max_length=500)),
                ('status', spendtrackr.ids.MachineTextField(choices=[('waiting', 'Waiting'), ('approved', 'Approved'), ('rejected', 'Rejected'), ('withdrawn', 'Withdrawn')], default='waiting', max_length=10)),
                ('asked_at', models.DateTimeField()),
                ('decided_at', models.DateTimeField(null=True)),
                ('answer', models.CharField(default='', max_length=500)),
            ],
            options={
                'db_table': 'card_requests',
            },
        ),
        migrations.CreateModel(
            name='LimitGrant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', spendtrackr.ids.PublicIdField('grant')),
                ('amount_minor', models.BigIntegerField()),
                ('reason', models.CharField(default='', max_length=500)),
                ('granted_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('revoked_at', models.DateTimeField(null=True)),
            ],
            options={
                'db_table': 'limit_grants',
            },
        ),
        migrations.RemoveConstraint(
            model_name='cardcontrols',
            name='card_controls_limit_not_negative',
        ),
        migrations.RemoveConstraint(
            model_name='limitcounter',
            name='limit_counters_one_window',
        ),
        migrations.AddField(
            model_name='card',
            name='merchant_key',
            field=spendtrackr.ids.MachineTextField(default='', max_length=140),
        ),
        migrations.AddField(
            model_name='card',
            name='usage',
            field=spendtrackr.ids.MachineTextField(choices=[('multi', 'As often as its limits allow'), ('single_use', 'For one purchase'), ('merchant_locked', 'At one merchant only')], db_column='card_usage', default='multi', max_length=16),
        ),
        migrations.AddField(
            model_name='cardcontrols',
            name='allowed_countries',
            field=cards.models.controls.ListOfTexts(default='[]'),
        ),
        migrations.AddField(
            model_name='cardcontrols',
            name='allowed_merchants',
            field=cards.models.controls.ListOfTexts(default='[]'),
        ),
        migrations.AddField(
            model_name='cardcontrols',
            name='blocked_countries',
            field=cards.models.controls.ListOfTexts(default='[]'),
        ),
        migrations.AddField(
            model_name='cardcontrols',
            name='blocked_merchants',
            field=cards.models.controls.ListOfTexts(default='[]'),
        ),
        migrations.AddField(
            model_name='cardcontrols',
            name='limits',
            field=cards.models.controls.ListOfTexts(default='[]'),
        ),
        migrations.AddField(
            model_name='cardcontrols',
            name='locks_on',
            field=models.DateField(null=True),
        ),
        migrations.AddField(
            model_name='cardcontrols',
            name='mode',
            field=spendtrackr.ids.MachineTextField(choices=[('normal', 'With the next period'), ('approval_refill', 'When what was spent is approved'), ('zero_until_granted', 'Only by a grant')], default='normal', max_length=20),
        ),
        migrations.AddField(
            model_name='cardcontrols',
            name='valid_from',
            field=models.DateField(null=True),
        ),
        migrations.AddField(
            model_name='limitcounter',
            name='interval',
            field=spendtrackr.ids.MachineTextField(choices=[('day', 'a day'), ('week', 'a week'), ('month', 'a month'), ('quarter', 'a quarter'), ('year', 'a year'), ('all_time', 'altogether'), ('unapproved', 'until approved'), ('grant', 'of the grant')], db_column='per_interval', default='month', max_length=12),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='limitcounter',
            name='opening_held_minor',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='limitcounter',
            name='opening_posted_minor',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='limitcounter',
            name='opening_purchases',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='limitcounter',
            name='purchases',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AlterField(
            model_name='cardcontrols',
            name='allowed_codes',
            field=cards.models.controls.ListOfTexts(default='[]'),
        ),
        migrations.AlterField(
            model_name='cardcontrols',
            name='blocked_codes',
            field=cards.models.controls.ListOfTexts(default='[]'),
        ),
        migrations.AlterField(
            model_name='limitcounter',
            name='card',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='cards.card'),
        ),
        migrations.AddConstraint(
            model_name='cardcontrols',
            constraint=models.CheckConstraint(condition=models.Q(('valid_from__isnull', True), ('locks_on__isnull', True), ('valid_from__lt', models.F('locks_on')), _connector='OR'), name='card_controls_days_in_order'),
        ),
        migrations.AddField(
            model_name='blocklist',
            name='company',
            field=models.ForeignKey(db_constraint=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='companies.company'),
        ),
        migrations.AddField(
            model_name='budget',
            name='company',
            field=models.ForeignKey(db_constraint=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='companies.company'),
        ),
        migrations.AddField(
            model_name='budget',
            name='owner',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='users.membership'),
        ),
        migrations.AddField(
            model_name='budget',
            name='parent',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='cards.budget'),
        ),
        migrations.AddField(
            model_name='card',
            name='budget',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='cards.budget'),
        ),
        migrations.AddField(
            model_name='limitcounter',
            name='budget',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='cards.budget'),
        ),
        migrations.AddField(
            model_name='budgetmember',
            name='budget',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='members', to='cards.budget'),
        ),
        migrations.AddField(
            model_name='budgetmember',
            name='company',
            field=models.ForeignKey(db_constraint=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='companies.company'),
        ),
        migrations.AddField(
            model_name='budgetmember',
            name='member',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='users.membership'),
        ),
        migrations.AddField(
            model_name='cardrequest',
            name='budget',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='cards.budget'),
        ),
        migrations.AddField(
            model_name='cardrequest',
            name='card',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='cards.card'),
        ),
        migrations.AddField(
            model_name='cardrequest',
            name='company',
            field=models.ForeignKey(db_constraint=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='companies.company'),
        ),
        migrations.AddField(
            model_name='cardrequest',
            name='decided_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='users.membership'),
        ),
        migrations.AddField(
            model_name='cardrequest',
            name='issued_card',
            field=models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='cards.card'),
        ),
        migrations.AddField(
            model_name='cardrequest',
            name='requester',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='users.membership'),
        ),
        migrations.AddField(
            model_name='limitgrant',
            name='card',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='grants', to='cards.card'),
        ),
        migrations.AddField(
            model_name='limitgrant',
            name='company',
            field=models.ForeignKey(db_constraint=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='companies.company'),
        ),
        migrations.AddField(
            model_name='limitgrant',
            name='granted_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='users.membership'),
        ),
        migrations.AddField(
            model_name='limitgrant',
            name='revoked_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='users.membership'),
        ),
        migrations.AddField(
            model_name='cardrequest',
            name='grant',
            field=models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='cards.limitgrant'),
        ),
        migrations.AddField(
            model_name='limitcounter',
            name='grant',
            field=models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='counter', to='cards.limitgrant'),
        ),
        migrations.AddConstraint(
            model_name='limitcounter',
            constraint=models.UniqueConstraint(fields=('card', 'interval', 'starts_on'), name='limit_counters_one_window'),
        ),
        migrations.AddConstraint(
            model_name='limitcounter',
            constraint=models.UniqueConstraint(fields=('budget', 'interval', 'starts_on'), name='limit_counters_one_period'),
        ),
        migrations.AddConstraint(
            model_name='limitcounter',
            constraint=models.CheckConstraint(condition=models.Q(('purchases__gte', 0)), name='limit_counters_purchases_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='limitcounter',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('budget__isnull', True), ('card__isnull', False), ('grant__isnull', True)), models.Q(('budget__isnull', False), ('card__isnull', True), ('grant__isnull', True)), models.Q(('budget__isnull', True), ('card__isnull', True), ('grant__isnull', False)), _connector='OR'), name='limit_counters_of_one_thing'),
        ),
        migrations.AddConstraint(
            model_name='blocklist',
            constraint=models.UniqueConstraint(fields=('company',), name='block_lists_one_per_company'),
        ),
        migrations.AddConstraint(
            model_name='budget',
            constraint=models.UniqueConstraint(fields=('company', 'name_key'), name='budgets_one_name'),
        ),
        migrations.AddConstraint(
            model_name='budget',
            constraint=models.CheckConstraint(condition=models.Q(('limit_minor__gte', 0)), name='budgets_limit_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='budgetmember',
            constraint=models.UniqueConstraint(fields=('budget', 'member'), name='budget_members_once'),
        ),
        migrations.AddConstraint(
            model_name='limitgrant',
            constraint=models.CheckConstraint(condition=models.Q(('amount_minor__gt', 0)), name='limit_grants_amount_positive'),
        ),
        migrations.AddConstraint(
            model_name='limitgrant',
            constraint=models.CheckConstraint(condition=models.Q(('expires_at__gt', models.F('granted_at'))), name='limit_grants_expire_later'),
        ),
        migrations.AddIndex(
            model_name='cardrequest',
            index=models.Index(fields=['company', 'status', 'requester'], name='card_requests_by_status'),
        ),
        migrations.AddConstraint(
            model_name='cardrequest',
            constraint=models.CheckConstraint(condition=models.Q(('amount_minor__gt', 0)), name='card_requests_amount_positive'),
        ),
        migrations.RunPython(monthly_limits_become_limits, migrations.RunPython.noop),
        migrations.RemoveField(
            model_name='cardcontrols',
            name='monthly_limit_minor',
        ),
    ]
