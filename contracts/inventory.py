"""Daily stock positions."""

from __future__ import annotations

from contracts.kinds import Code, Day, Integer
from contracts.model import Contract, facts, optional, required
from contracts.spec import CODE_PATTERN


class Inventory(Contract):
    """Stock per SKU, region and day, from SAP. Stock may be negative while postings are under way.

    Required is what the figures rest on: the key and the close of the day."""

    sku_code: Code = required("Article in stock, as in the SKU master.", str_matches=CODE_PATTERN)
    region_code: Code = required("Region whose stock it is.", str_matches=CODE_PATTERN)
    snapshot_date: Day = required("Day whose close the stock is of.")
    opening_stock: Integer = optional("Units at the start of the day.")
    closing_stock: Integer = required("Units at the end of the day; zero or less is a stock-out.")
    reorder_point: Integer = optional("Units at which stock is ordered again.")

    class Config:
        metadata = facts(
            "inventory",
            prefix="raw/sap/inventory/year={date:%Y}/month={date:%m}/day={date:%d}/",
            key=("sku_code", "region_code", "snapshot_date"),
        )
