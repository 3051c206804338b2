from __future__ import annotations

from django.contrib.auth.models import User
from django.db import models


class Company(models.Model):
    name = models.CharField(max_length=120)
    currency = models.CharField(max_length=3, default="USD")

    def __str__(self) -> str:
        return self.name


class Employee(models.Model):
    user = models.OneToOneField(User, models.CASCADE)
    company = models.ForeignKey(Company, models.CASCADE)

    def __str__(self) -> str:
        return str(self.user)


class Card(models.Model):
    company = models.ForeignKey(Company, models.CASCADE)
    holder = models.ForeignKey(Employee, models.CASCADE)
    last4 = models.CharField(max_length=4)
    is_active = models.BooleanField(default=True)
    monthly_limit = models.DecimalField(max_digits=14, decimal_places=2)

    def __str__(self) -> str:
        return f"••{self.last4}"


class TopUp(models.Model):
    company = models.ForeignKey(Company, models.CASCADE)
    amount = models.DecimalField(max_digits=18, decimal_places=2)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return str(self.amount)


class Merchant(models.Model):
    company = models.ForeignKey(Company, models.CASCADE)
    name = models.CharField(max_length=120)

    class Meta:
        unique_together = [("company", "name")]

    def __str__(self) -> str:
        return self.name


class Transaction(models.Model):
    company = models.ForeignKey(Company, models.CASCADE)
    card = models.ForeignKey(Card, models.CASCADE)
    merchant = models.ForeignKey(Merchant, models.CASCADE)
    merchant_code = models.CharField(max_length=4)
    amount = models.DecimalField(max_digits=14, decimal_places=2)
    status = models.CharField(max_length=10, choices=[("approved", "Approved"), ("declined", "Declined")])
    decline_reason = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["card", "created_at"], name="plain_of_card"),
            models.Index(fields=["company", "status"], name="plain_of"),
        ]

    def __str__(self) -> str:
        return str(self.amount)
