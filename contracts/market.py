"""Weekly market measurement."""

from __future__ import annotations

from contracts.kinds import Code, Integer, Money, Number, Text
from contracts.model import Contract, facts, optional, required
from contracts.spec import CODE_PATTERN


class Market(Contract):
    """Units and value that Nielsen measured per region, category and brand. The ISO week is in the prefix."""

    region_code: Code = required("Region measured.", str_matches=CODE_PATTERN)
    category: Text = required("Category measured.", str_length=(1, 200))
    brand: Text = required("Brand measured, ours or a competitor's.", str_length=(1, 200))
    units: Integer = required("Units that consumers bought.", ge=0)
    value: Money = required("What consumers paid.", ge=0)
    distribution_pct: Number = optional("Weighted distribution, as delivered.")

    class Config:
        metadata = facts(
            "market",
            prefix="raw/nielsen/market_share/week={date:%G}-W{date:%V}/",
            key=("week", "region_code", "category", "brand"),
            provided=("week",),
        )
