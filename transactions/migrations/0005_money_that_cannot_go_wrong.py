import django.db.models.deletion
import django.db.models.expressions
import spendtrackr.ids
from django.db import migrations, models


def say_what_older_rows_stand_for(apps, schema_editor):
    """Draws name their purchase, card purchases that were not declined their reference in the network, counters how many purchases they opened with."""
    Draw, Message, Transaction = (apps.get_model("transactions", name)._base_manager for name in ("Draw", "Message", "Transaction"))
    LimitCounter = apps.get_model("cards", "LimitCounter")._base_manager
    of_message = Message.filter(pk=models.OuterRef("message_id")).values("transaction_id")[:1]
    Draw.filter(transaction=None).update(transaction_id=models.Subquery(of_message))
    first = Message.filter(transaction_id=models.OuterRef("pk")).order_by("pk")
    Transaction.filter(source="card", network_ref=None).exclude(status="declined").update(
        connection=models.Subquery(first.values("connection")[:1]), network_ref=models.Subquery(first.values("network_id")[:1])
    )
    for counter in LimitCounter.filter(purchases=0, card__isnull=False):
        of_the_month = Transaction.filter(
            models.Q(card=counter.card_id) | models.Q(card__counts_with=counter.card_id),
            models.Q(held_minor__gt=0) | models.Q(captured_minor__gt=0),
            source="card", occurred_on__year=counter.starts_on.year, occurred_on__month=counter.starts_on.month,
        ).count()
        LimitCounter.filter(pk=counter.pk).update(purchases=of_the_month, opening_purchases=of_the_month)


class Migration(migrations.Migration):

    dependencies = [
        ('cards', '0004_money_that_cannot_go_wrong'),
        ('companies', '0002_people_and_paper'),
        ('transactions', '0004_rollups_by_dimension'),
        ('users', '0003_everybody_on_top'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='message',
            name='messages_amount_positive',
        ),
        migrations.AddField(
            model_name='draw',
            name='purchases_before',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='draw',
            name='purchases_delta',
            field=models.SmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='draw',
            name='purchases_most',
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='draw',
            name='transaction',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='transactions.transaction'),
        ),
        migrations.AddField(
            model_name='fundingaccount',
            name='rules_version',
            field=models.PositiveBigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='message',
            name='requested_minor',
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='transaction',
            name='budget',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='cards.budget'),
        ),
        migrations.AddField(
            model_name='transaction',
            name='charged_back_minor',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='transaction',
            name='connection',
            field=spendtrackr.ids.MachineTextField(max_length=20, null=True),
        ),
        migrations.AddField(
            model_name='transaction',
            name='flags',
            field=spendtrackr.ids.MachineTextField(default='', max_length=120),
        ),
        migrations.AddField(
            model_name='transaction',
            name='grant',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='cards.limitgrant'),
        ),
        migrations.AddField(
            model_name='transaction',
            name='network_ref',
            field=spendtrackr.ids.MachineTextField(max_length=80, null=True),
        ),
        migrations.AlterField(
            model_name='draw',
            name='message',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='transactions.message'),
        ),
        migrations.AlterField(
            model_name='entry',
            name='kind',
            field=spendtrackr.ids.MachineTextField(choices=[('topup', 'Topup'), ('withdrawal', 'Withdrawal'), ('approval', 'Approval'), ('increment', 'Increment'), ('advice', 'Advice'), ('financial', 'Financial'), ('capture', 'Capture'), ('reversal', 'Reversal'), ('expiry', 'Expiry'), ('refund', 'Refund'), ('refund_reversal', 'Refund Reversal'), ('force_post', 'Force Post'), ('chargeback', 'Chargeback'), ('chargeback_reversal', 'Chargeback Reversal'), ('import', 'Import')], max_length=20),
        ),
        migrations.AlterField(
            model_name='message',
            name='kind',
            field=spendtrackr.ids.MachineTextField(choices=[('authorization', 'Authorization'), ('increment', 'Increment'), ('financial', 'Financial'), ('advice', 'Advice'), ('capture', 'Capture'), ('force_post', 'Force Post'), ('reversal', 'Reversal'), ('expiry', 'Expiry'), ('refund', 'Refund'), ('refund_reversal', 'Refund Reversal'), ('chargeback', 'Chargeback'), ('chargeback_reversal', 'Chargeback Reversal')], max_length=20),
        ),
        migrations.AddIndex(
            model_name='transaction',
            index=models.Index(fields=['card', 'occurred_on'], name='transactions_of_card'),
        ),
        migrations.AddIndex(
            model_name='transaction',
            index=models.Index(fields=['status', 'occurred_at'], name='transactions_by_status'),
        ),
        migrations.AddConstraint(
            model_name='draw',
            constraint=models.CheckConstraint(condition=models.Q(('is_approval', False), ('purchases_most__isnull', True), ('purchases_most__gte', django.db.models.expressions.CombinedExpression(models.F('purchases_before'), '+', models.F('purchases_delta'))), _connector='OR'), name='draws_approval_within_count'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=models.CheckConstraint(condition=models.Q(('amount_minor__gt', 0), models.Q(('amount_minor', 0), ('kind', 'expiry')), _connector='OR'), name='messages_amount_positive'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=models.CheckConstraint(condition=models.Q(('requested_minor__isnull', True), ('amount_minor__lte', models.F('requested_minor')), _connector='OR'), name='messages_at_most_what_was_asked'),
        ),
        migrations.AddConstraint(
            model_name='transaction',
            constraint=models.UniqueConstraint(fields=('company', 'connection', 'network_ref'), name='transactions_one_ref'),
        ),
        migrations.RunPython(say_what_older_rows_stand_for, migrations.RunPython.noop),
        migrations.AlterField(
            model_name='draw',
            name='transaction',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='transactions.transaction'),
        ),
    ]
