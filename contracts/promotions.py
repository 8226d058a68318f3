"""The promotion calendar."""

from __future__ import annotations

from contracts.kinds import Code, Day, Flag, Identifier, Money, Number, Text
from contracts.model import Contract, facts, optional, required
from contracts.spec import CODE_PATTERN


class Promotions(Contract):
    """Promotions per SKU, region and week, past and planned. Every snapshot is the whole calendar.

    Required is the key: a line says by being there that something is promoted, unless is_promoted is false. Without a
    discount or a spend it has no price of its own and no return on investment, and is a promotion all the same."""

    promo_id: Identifier = required("Promotion.", str_length=(1, 100))
    sku_code: Code = required("Article promoted, as in the SKU master.", str_matches=CODE_PATTERN)
    region_code: Code = required("Region promoted in.", str_matches=CODE_PATTERN)
    week: Day = required("Monday that the promoted week starts on.", monday={})
    promo_type: Text = optional("Mechanic of the promotion.", str_length=(1, 200))
    promo_discount_pct: Number = optional("Discount as a share of one: 0.25 is a quarter off.", ge=0, le=1)
    is_promoted: Flag = optional("Whether the line is on promotion in that week.")
    planned_spend: Money = optional("Money planned for it.")

    class Config:
        metadata = facts(
            "promotions",
            prefix="raw/trade_promotions/promo_calendar/year={date:%Y}/month={date:%m}/day={date:%d}/",
            key=("promo_id", "sku_code", "region_code", "week"),
        )
