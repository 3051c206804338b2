"""Withdrawals, and what statements and balances of the past read. The indexes come before the one that they make needless goes."""

import django.db.models.deletion
import spendtrackr.ids
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('companies', '0002_people_and_paper'),
        ('transactions', '0005_money_that_cannot_go_wrong'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='entry',
            index=models.Index(fields=['company', 'account', 'day'], name='entries_by_day'),
        ),
        migrations.AddIndex(
            model_name='entry',
            index=models.Index(fields=['company', 'account', 'at'], name='entries_by_instant'),
        ),
        migrations.AlterField(
            model_name='entry',
            name='account',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='entries', to='transactions.fundingaccount'),
        ),
        migrations.AlterField(
            model_name='entry',
            name='kind',
            field=spendtrackr.ids.MachineTextField(choices=[('topup', 'Top-up'), ('withdrawal', 'Withdrawal'), ('approval', 'Approval'), ('increment', 'Increment'), ('advice', 'Advice'), ('financial', 'Financial'), ('capture', 'Capture'), ('reversal', 'Reversal'), ('expiry', 'Expiry'), ('refund', 'Refund'), ('refund_reversal', 'Refund Reversal'), ('force_post', 'Force Post'), ('chargeback', 'Chargeback'), ('chargeback_reversal', 'Chargeback Reversal'), ('import', 'Import')], max_length=20),
        ),
    ]
