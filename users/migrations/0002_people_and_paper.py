import django.db.models.deletion
import spendtrackr.ids
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('companies', '0002_people_and_paper'),
        ('users', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='DepartmentHead',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
            ],
            options={
                'db_table': 'department_heads',
            },
        ),
        migrations.CreateModel(
            name='EmailLink',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('purpose', spendtrackr.ids.MachineTextField(choices=[('reset', 'Reset'), ('confirm', 'Confirm')], max_length=8)),
                ('token_hash', spendtrackr.ids.MachineTextField(max_length=64, null=True, unique=True)),
                ('requested_at', models.DateTimeField()),
                ('mail_due_at', models.DateTimeField(db_index=True, null=True)),
                ('mail_attempts', models.PositiveSmallIntegerField(default=0)),
                ('expires_at', models.DateTimeField()),
                ('used_at', models.DateTimeField(null=True)),
            ],
            options={
                'db_table': 'email_links',
            },
        ),
        migrations.AddField(
            model_name='invitation',
            name='department',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='companies.department'),
        ),
        migrations.AddField(
            model_name='invitation',
            name='mail_attempts',
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='invitation',
            name='mail_due_at',
            field=models.DateTimeField(db_index=True, null=True),
        ),
        migrations.AddField(
            model_name='invitation',
            name='mail_token_hash',
            field=spendtrackr.ids.MachineTextField(max_length=64, null=True, unique=True),
        ),
        migrations.AddField(
            model_name='invitation',
            name='manager',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='users.membership'),
        ),
        migrations.AddField(
            model_name='invitation',
            name='revoked_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='membership',
            name='chain',
            field=spendtrackr.ids.MachineTextField(default='', max_length=255),
        ),
        migrations.AddField(
            model_name='membership',
            name='department',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='companies.department'),
        ),
        migrations.AddField(
            model_name='membership',
            name='manager',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='users.membership'),
        ),
        migrations.AddField(
            model_name='session',
            name='client',
            field=models.CharField(default='', max_length=200),
        ),
        migrations.AddField(
            model_name='user',
            name='confirmed_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddIndex(
            model_name='membership',
            index=models.Index(fields=['company', 'chain'], name='memberships_below'),
        ),
        migrations.AddField(
            model_name='departmenthead',
            name='company',
            field=models.ForeignKey(db_constraint=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='companies.company'),
        ),
        migrations.AddField(
            model_name='departmenthead',
            name='department',
            field=models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='companies.department'),
        ),
        migrations.AddField(
            model_name='departmenthead',
            name='member',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='users.membership'),
        ),
        migrations.AddField(
            model_name='emaillink',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
    ]
