"""Daily stock positions."""

from __future__ import annotations

from contracts.cpg.masters import TO_GEOGRAPHY, TO_SKU
from contracts.language.columns import date_key, matches, optional, required
from contracts.language.dataset import CODE_PATTERN, Dataset
from contracts.language.delivery import OF_A_DAY, Delivery

INVENTORY = Dataset(
    domain="cpg",
    name="inventory",
    description="Stock per SKU, region and day, from SAP. Stock may be negative while postings are under way. "
    "Required is what the figures rest on: the key and the close of the day.",
    key=("sku_code", "region_code", "snapshot_date"),
    references=(TO_SKU, TO_GEOGRAPHY),
    reads=("sales",),  # days of supply
    delivery=Delivery("inventory", "day", "raw/sap/inventory/" + OF_A_DAY),
    columns=(
        required("sku_code", "code", "Article in stock, as in the SKU master.", matches(CODE_PATTERN)),
        required("region_code", "code", "Region whose stock it is.", matches(CODE_PATTERN)),
        required("snapshot_date", "date", "Day whose close the stock is of."),
        optional("opening_stock", "integer", "Units at the start of the day."),
        required("closing_stock", "integer", "Units at the end of the day; zero or less is a stock-out."),
        optional("reorder_point", "integer", "Units at which stock is ordered again."),
    ),
    derived=(date_key("snapshot_date"),),
)
