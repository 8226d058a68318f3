from __future__ import annotations

from tests.tasks.conftest import account as account
