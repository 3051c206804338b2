#!/usr/bin/env python3
"""Django's command line for SpendTrackr."""

from __future__ import annotations

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spendtrackr.settings")
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        _ = settings.INSTALLED_APPS
    except ImproperlyConfigured as error:
        # Django would go on without settings and fail later for a reason that hides this one.
        sys.exit(f"SpendTrackr is not configured: {error}")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
