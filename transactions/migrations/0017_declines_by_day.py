from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('cards', '0005_frozen_by_a_rule'),
        ('companies', '0004_tags'),
        ('transactions', '0016_books_and_accounting'),
        ('users', '0004_notifications'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='transaction',
            index=models.Index(fields=['company', 'status', 'occurred_on'], name='transactions_status_by_day'),
        ),
    ]
