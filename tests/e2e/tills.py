"""A domain of its own, as a newcomer would add it: a dataset, its load, its migration. Only the catalog has to name it."""

from __future__ import annotations

from types import ModuleType

from contracts.language.columns import above, date_key, length, not_after, optional, required
from contracts.language.dataset import Dataset, Derived, Thresholds
from contracts.language.delivery import OF_A_DAY, Delivery
from warehouse.columns import merged
from warehouse.load.merge import NEWER_SNAPSHOT, merge_text, newest_rows
from warehouse.load.snapshot import Snapshot
from warehouse.statement import Statement

# contracts/tills
SALES = Dataset(
    domain="tills",
    name="sales",
    description="Lines of till receipts.",
    key=("receipt_id", "line"),
    delivery=Delivery("tills", "day", "raw/tills/sales/" + OF_A_DAY),
    thresholds=Thresholds(rejected_rate_max=0.4),  # of a handful of rows one may be broken
    columns=(
        required("receipt_id", "identifier", "Number of the receipt.", length(1, 40)),
        required("line", "integer", "Line on the receipt.", above(0)),
        required("sold_on", "date", "Day of the sale.", not_after("source_date")),
        required("amount", "decimal", "What was paid."),
        optional("units", "integer", "Units sold.", above(0)),
    ),
    derived=(
        date_key("sold_on"),
        Derived("price", "number", "cast(amount AS double) / units"),
    ),
)

# warehouse/migrations
MIGRATION = """CREATE TABLE DW.FACT_TILLS_SALES (
    receipt_id VARCHAR NOT NULL, line BIGINT NOT NULL, sold_on DATE NOT NULL, amount NUMBER(18, 4) NOT NULL,
    units BIGINT, date_key BIGINT NOT NULL, price DOUBLE,
    source_date DATE NOT NULL, source_file VARCHAR NOT NULL, run_id VARCHAR NOT NULL, content_hash BIGINT NOT NULL
)"""


# warehouse/load/tills
def statements(snapshot: Snapshot) -> list[Statement]:
    text = merge_text(
        "DW.FACT_TILLS_SALES",
        newest_rows(snapshot.staging, SALES.key),
        SALES.key,
        merged(SALES),
        newer=NEWER_SNAPSHOT,
    )
    return [Statement("merge", text)]


def load_module() -> ModuleType:
    module = ModuleType("warehouse.load.tills")
    module.APPLY = {"sales": statements}  # type: ignore[attr-defined]
    return module
