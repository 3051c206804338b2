"""Users, as Django sees it."""

from __future__ import annotations

from django.apps import AppConfig


class UsersConfig(AppConfig):
    name = "users"
