from __future__ import annotations

from tests.warehouse.standin import migrated, warehouse

__all__ = ["migrated", "warehouse"]
