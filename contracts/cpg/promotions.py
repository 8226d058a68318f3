"""The promotion calendar."""

from __future__ import annotations

from contracts.cpg.masters import TO_GEOGRAPHY, TO_SKU
from contracts.language.columns import at_least, at_most, length, matches, monday, optional, required
from contracts.language.dataset import CODE_PATTERN, Dataset, Derived
from contracts.language.delivery import OF_A_DAY, Delivery

PROMOTIONS = Dataset(
    domain="cpg",
    name="promotions",
    description="Promotions per SKU, region and week, past and planned. Every snapshot is the whole calendar. Required is "
    "the key: a line says by being there that something is promoted, unless is_promoted is false. Without a discount or a "
    "spend it has no price of its own and no return on investment, and is a promotion all the same.",
    key=("promo_id", "sku_code", "region_code", "week"),
    references=(TO_SKU, TO_GEOGRAPHY),
    load_sees_quarantine=True,
    delivery=Delivery("promotions", "snapshot", "raw/trade_promotions/promo_calendar/" + OF_A_DAY),
    columns=(
        required("promo_id", "identifier", "Promotion.", length(1, 100)),
        required("sku_code", "code", "Article promoted, as in the SKU master.", matches(CODE_PATTERN)),
        required("region_code", "code", "Region promoted in.", matches(CODE_PATTERN)),
        required("week", "date", "Monday that the promoted week starts on.", monday()),
        optional("promo_type", "text", "Mechanic of the promotion.", length(1, 200)),
        optional(
            "promo_discount_pct",
            "number",
            "Discount as a share of one: 0.25 is a quarter off.",
            at_least(0),
            at_most(1),
        ),
        optional("is_promoted", "boolean", "Whether the line is on promotion in that week."),
        optional("planned_spend", "decimal", "Money planned for it."),
    ),
    derived=(Derived("week_start", "date", "week", replaces="week"),),
)
