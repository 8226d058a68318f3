"""Weekly market measurement."""

from __future__ import annotations

from contracts.cpg.masters import TO_GEOGRAPHY
from contracts.language.columns import at_least, later, length, matches, optional, required
from contracts.language.dataset import CODE_PATTERN, Dataset, Derived
from contracts.language.delivery import OF_A_WEEK, Delivery

MARKET = Dataset(
    domain="cpg",
    name="market",
    description="Units and value that Nielsen measured per region, category and brand. The ISO week is in the prefix. "
    "The files of a week are the whole week: what an earlier delivery of it had and this one lacks is taken back.",
    version="1.1.0",
    key=("week", "region_code", "category", "brand"),
    delivery=Delivery("market", "week", "raw/nielsen/market_share/" + OF_A_WEEK),
    references=(TO_GEOGRAPHY,),
    provided=("week",),
    is_whole=True,
    columns=(
        required("region_code", "code", "Region measured.", matches(CODE_PATTERN)),
        required("category", "text", "Category measured.", length(1, 200)),
        required("brand", "text", "Brand measured, ours or a competitor's.", length(1, 200)),
        required("units", "integer", "Units that consumers bought.", at_least(0)),
        required("value", "decimal", "What consumers paid.", at_least(0)),
        optional("distribution_pct", "number", "Weighted distribution, as delivered."),
        later(
            "is_deleted",
            "boolean",
            "Whether the row was taken back: it stays in the lake, the DW loses it. The curation says so of a row that a "
            "newer delivery of its week lacks.",
        ),
    ),
    derived=(
        Derived("week", "text", "week"),
        Derived("week_start", "date", "date_sub(source_date, 6)"),
    ),
)
