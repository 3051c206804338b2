"""The settings of the test suite: the same file in test mode, whatever the machine's environment says of modes."""

from __future__ import annotations

import os

os.environ["SPENDTRACKR_MODE"] = "test"

from spendtrackr.settings import *  # noqa: F403 -- Django reads settings as one module's names
from spendtrackr.settings import CACHES

# Halves of the suite that run at once count guesses for themselves.
CACHES["default"]["KEY_PREFIX"] = f"spendtrackr-test-{os.environ.get('PYTEST_XDIST_WORKER', '')}"
