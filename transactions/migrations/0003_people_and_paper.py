import django.db.models.deletion
import spendtrackr.ids
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('cards', '0003_people_and_paper'),
        ('companies', '0002_people_and_paper'),
        ('transactions', '0002_initial'),
        ('users', '0002_people_and_paper'),
    ]

    operations = [
        migrations.CreateModel(
            name='Approval',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', spendtrackr.ids.PublicIdField('apr')),
                ('status', spendtrackr.ids.MachineTextField(choices=[('waiting', 'Waiting'), ('approved', 'Approved'), ('rejected', 'Rejected'), ('void', 'Void')], max_length=10)),
                ('amount_minor', models.BigIntegerField()),
                ('seen', spendtrackr.ids.MachineTextField(max_length=64)),
                ('asked_at', models.DateTimeField()),
                ('decided_at', models.DateTimeField(null=True)),
                ('reason', models.CharField(default='', max_length=500)),
                ('open_key', spendtrackr.ids.MachineTextField(max_length=4, null=True)),
            ],
            options={
                'db_table': 'approvals',
            },
        ),
        migrations.CreateModel(
            name='Receipt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', spendtrackr.ids.PublicIdField('rcp')),
                ('filename', models.CharField(max_length=120)),
                ('content_type', spendtrackr.ids.MachineTextField(choices=[('image/png', 'Png'), ('image/jpeg', 'Jpeg'), ('application/pdf', 'Pdf')], max_length=20)),
                ('size', models.PositiveIntegerField()),
                ('content_hash', spendtrackr.ids.MachineTextField(max_length=64)),
                ('attached_hash', spendtrackr.ids.MachineTextField(max_length=64, null=True)),
                ('stored_as', spendtrackr.ids.MachineTextField(max_length=200)),
                ('uploaded_at', models.DateTimeField()),
                ('removed_at', models.DateTimeField(null=True)),
            ],
            options={
                'db_table': 'receipts',
            },
        ),
        migrations.RemoveConstraint(
            model_name='dayspend',
            name='day_spend_one_cell',
        ),
        migrations.RemoveConstraint(
            model_name='monthspend',
            name='month_spend_one_cell',
        ),
        migrations.RenameField(
            model_name='dayspend',
            old_name='category_key',
            new_name='value_id',
        ),
        migrations.RenameField(
            model_name='monthspend',
            old_name='category_key',
            new_name='value_id',
        ),
        migrations.AddField(
            model_name='dayspend',
            name='dimension',
            field=spendtrackr.ids.MachineTextField(choices=[('category', 'Category'), ('department', 'Department'), ('member', 'Member'), ('card', 'Card'), ('merchant', 'Merchant')], default='category', max_length=10),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='dayspend',
            name='item_count',
            field=models.BigIntegerField(default=0),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='monthspend',
            name='dimension',
            field=spendtrackr.ids.MachineTextField(choices=[('category', 'Category'), ('department', 'Department'), ('member', 'Member'), ('card', 'Card'), ('merchant', 'Merchant')], default='category', max_length=10),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='monthspend',
            name='item_count',
            field=models.BigIntegerField(default=0),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='merchant',
            name='category',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='companies.category'),
        ),
        migrations.AddField(
            model_name='spendline',
            name='counts',
            field=models.SmallIntegerField(default=1),
        ),
        migrations.AddField(
            model_name='spendline',
            name='department',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='companies.department'),
        ),
        migrations.AddField(
            model_name='transaction',
            name='approval',
            field=spendtrackr.ids.MachineTextField(choices=[('none', 'Not needed'), ('open', 'Not submitted'), ('waiting', 'Waiting'), ('approved', 'Approved'), ('rejected', 'Sent back')], default='none', max_length=10),
        ),
        migrations.AddField(
            model_name='transaction',
            name='auto_approve_below_minor',
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='transaction',
            name='department',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='companies.department'),
        ),
        migrations.AddField(
            model_name='transaction',
            name='memo',
            field=models.CharField(default='', max_length=500),
        ),
        migrations.AddField(
            model_name='transaction',
            name='receipt_count',
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddIndex(
            model_name='transaction',
            index=models.Index(fields=['company', 'approval', 'member'], name='transactions_by_approval'),
        ),
        migrations.AddConstraint(
            model_name='dayspend',
            constraint=models.UniqueConstraint(fields=('company', 'dimension', 'starts_on', 'currency', 'value_id'), name='day_spend_one_cell'),
        ),
        migrations.AddConstraint(
            model_name='monthspend',
            constraint=models.UniqueConstraint(fields=('company', 'dimension', 'starts_on', 'currency', 'value_id'), name='month_spend_one_cell'),
        ),
        migrations.AddField(
            model_name='approval',
            name='asked_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='users.membership'),
        ),
        migrations.AddField(
            model_name='approval',
            name='company',
            field=models.ForeignKey(db_constraint=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='companies.company'),
        ),
        migrations.AddField(
            model_name='approval',
            name='decided_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='users.membership'),
        ),
        migrations.AddField(
            model_name='approval',
            name='transaction',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='approvals', to='transactions.transaction'),
        ),
        migrations.AddField(
            model_name='receipt',
            name='company',
            field=models.ForeignKey(db_constraint=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='companies.company'),
        ),
        migrations.AddField(
            model_name='receipt',
            name='removed_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='users.membership'),
        ),
        migrations.AddField(
            model_name='receipt',
            name='transaction',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='transactions.transaction'),
        ),
        migrations.AddField(
            model_name='receipt',
            name='uploaded_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='users.membership'),
        ),
        migrations.AddConstraint(
            model_name='approval',
            constraint=models.UniqueConstraint(fields=('transaction', 'open_key'), name='approvals_one_open'),
        ),
        migrations.AddConstraint(
            model_name='receipt',
            constraint=models.UniqueConstraint(fields=('transaction', 'attached_hash'), name='receipts_attached_once'),
        ),
    ]
