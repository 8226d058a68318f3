from __future__ import annotations

import pytest

from tests.warehouse.retail.inbox import Inbox
from tests.warehouse.standin import Warehouse


@pytest.fixture
def inbox(migrated: Warehouse) -> Inbox:
    inbox = Inbox(migrated)
    inbox.clear()
    return inbox
