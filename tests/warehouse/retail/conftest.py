from __future__ import annotations

import pytest

from tests.warehouse.retail.inbox import Inbox
from tests.warehouse.standin import Warehouse


@pytest.fixture
def inbox(warehouse: Warehouse) -> Inbox:
    inbox = Inbox(warehouse)
    inbox.clear()
    return inbox
