from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('cards', '0004_money_that_cannot_go_wrong'),
        ('companies', '0002_people_and_paper'),
        ('transactions', '0006_withdrawals'),
        ('users', '0003_everybody_on_top'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='transaction',
            name='transactions_by_status',
        ),
        migrations.AddIndex(
            model_name='transaction',
            index=models.Index(fields=['held_minor', 'occurred_at'], name='transactions_on_hold'),
        ),
    ]
