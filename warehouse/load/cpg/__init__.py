"""The load of each consumer-goods dataset from its staging table into the DW."""

from __future__ import annotations

from warehouse.load.cpg import inventory, market, mart_changes, promotions, sales
from warehouse.load.dimensions import CUSTOMER, GEOGRAPHY, SKU, merge_master
from warehouse.load.snapshot import Apply

APPLY: dict[str, Apply] = {
    "sku": lambda snapshot: [
        mart_changes.members(SKU, snapshot.staging),
        merge_master(SKU, snapshot.staging),
    ],
    "geography": lambda snapshot: [
        mart_changes.members(GEOGRAPHY, snapshot.staging),
        merge_master(GEOGRAPHY, snapshot.staging),
    ],
    "customer": lambda snapshot: [
        mart_changes.customers(snapshot.staging),
        merge_master(CUSTOMER, snapshot.staging),
    ],
    "sales": sales.statements,
    "inventory": inventory.statements,
    "market": market.statements,
    "promotions": promotions.statements,
}
