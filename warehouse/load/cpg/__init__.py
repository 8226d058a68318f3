"""The load of each consumer-goods dataset from its staging table into the DW."""

from __future__ import annotations

from warehouse.load.cpg import inventory, market, promotions, sales
from warehouse.load.dimensions import CUSTOMER, GEOGRAPHY, SKU, merge_master
from warehouse.load.snapshot import Apply

APPLY: dict[str, Apply] = {
    "sku": lambda snapshot: [merge_master(SKU, snapshot.staging)],
    "geography": lambda snapshot: [merge_master(GEOGRAPHY, snapshot.staging)],
    "customer": lambda snapshot: [merge_master(CUSTOMER, snapshot.staging)],
    "sales": sales.statements,
    "inventory": inventory.statements,
    "market": market.statements,
    "promotions": promotions.statements,
}
