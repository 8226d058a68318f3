"""Weekly market measurement."""

from __future__ import annotations

from contracts.kinds import Code, Flag, Integer, Money, Number, Text
from contracts.model import Contract, facts, later, optional, required
from contracts.spec import CODE_PATTERN


class Market(Contract):
    """Units and value that Nielsen measured per region, category and brand. The ISO week is in the prefix.

    The files of a week are the whole week: what an earlier delivery of it had and this one lacks is taken back."""

    region_code: Code = required("Region measured.", str_matches=CODE_PATTERN)
    category: Text = required("Category measured.", str_length=(1, 200))
    brand: Text = required("Brand measured, ours or a competitor's.", str_length=(1, 200))
    units: Integer = required("Units that consumers bought.", ge=0)
    value: Money = required("What consumers paid.", ge=0)
    distribution_pct: Number = optional("Weighted distribution, as delivered.")
    is_deleted: Flag = later(
        "Whether the row was taken back: it stays in the lake, the DW loses it. The curation says so of a row that a newer "
        "delivery of its week lacks."
    )

    class Config:
        metadata = facts(
            "market",
            prefix="raw/nielsen/market_share/week={date:%G}-W{date:%V}/",
            key=("week", "region_code", "category", "brand"),
            version="1.1.0",
            provided=("week",),
            is_whole=True,
        )
