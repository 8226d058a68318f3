"""All defects of the sample data: the rate of each, and how the platform should handle it.

A rate is a share of a delivery's rows. Rates are far below the audit's limits, so that a day with defects passes. In a
delivery of few rows, the share of broken rows is limited to MOST_BROKEN_ROWS.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

MOST_BROKEN_ROWS = 0.04
"""The audit rejects a slice with more than 5 % rejected rows."""
MOST_REPEATED_ROWS = 0.008
"""The audit rejects a slice with more than 1 % repeats. Not applied to sales, as small test data needs some repeats."""


class Fate(Enum):
    QUARANTINED = "goes to quarantine with the reason"
    SUPERSEDED = "is valid and loses: counted as superseded in the run that reads it"
    REPLACES = "is published and replaces the version delivered before"
    KEPT = "is published; the unreadable optional value becomes null and is counted"
    PUBLISHED = "is published; the dimension gets an inferred member until its master record arrives"
    WITHDRAWN = "is withdrawn by the first later snapshot that lacks it, while its week had not started"
    REPORTED = "is published; the contradiction is for the forecast to catch"


@dataclass(frozen=True)
class Defect:
    dataset: str
    name: str
    rate: float
    fate: Fate
    what: str
    reason: str | None = None
    """The reason in quarantine, as `<column>:<rule>`."""
    needs_text: str | None = None
    """The column that must be delivered as text for this defect to be possible."""


BROKEN_SALES_RATE = 0.015
"""Split evenly between the kinds of broken lines below."""
_Q = Fate.QUARANTINED


def _broken(name: str, what: str, reason: str, needs_text: str | None = None) -> Defect:
    return Defect("sales", name, BROKEN_SALES_RATE, _Q, what, reason, needs_text)


BROKEN_SALES = (
    _broken("missing_order_id", "order_id is null", "order_id:missing"),
    _broken("text_amount", "net_revenue is '12,50'", "net_revenue:type", "net_revenue"),
    _broken("zero_quantity", "quantity is 0", "quantity:range"),
    _broken("impossible_date", "order_date is the 30th of February", "order_date:type", "order_date"),
    _broken("unknown_channel", "channel is 'door to door'", "channel:allowed"),
    _broken("text_quantity", "quantity is '5 pcs'", "quantity:type", "quantity"),
    _broken("blank_sku_code", "sku_code is blanks", "sku_code:missing"),
    _broken("nan_revenue", "net_revenue is NaN", "net_revenue:type"),
    _broken("foreign_date", "order_date is dd/mm/yyyy", "order_date:type", "order_date"),
    _broken("negative_quantity", "quantity is below 0", "quantity:range"),
    _broken("future_order_date", "order_date is after the raw date", "order_date:future"),
    _broken("missing_customer_id", "customer_id is null", "customer_id:missing"),
    _broken("fraction_quantity", "quantity is '2.5'", "quantity:type", "quantity"),
    _broken("bad_sku_code", "sku_code has a slash", "sku_code:pattern"),
    _broken("negative_revenue", "net_revenue is below 0", "net_revenue:range"),
    _broken("missing_channel", "channel is null", "channel:missing"),
    _broken("blank_region_code", "region_code is empty", "region_code:missing"),
    _broken("zero_revenue", "net_revenue is 0", "net_revenue:range"),
    _broken("missing_order_date", "order_date is null", "order_date:missing"),
    _broken("bad_region_code", "region_code is '??'", "region_code:pattern"),
    _broken("missing_quantity", "quantity is null", "quantity:missing"),
    _broken("missing_net_revenue", "net_revenue is null", "net_revenue:missing"),
)

REPEATED = Defect("sales", "repeated", 0.003, Fate.SUPERSEDED, "the same line twice in one delivery")
CONFLICTING = Defect(
    "sales",
    "conflicting",
    0.0002,
    Fate.SUPERSEDED,
    "same key and changed_at, other quantity: the hash decides",
)
CORRECTED = Defect(
    "sales",
    "corrected",
    0.005,
    Fate.REPLACES,
    "delivered again 1-6 days later, newer changed_at, other quantity",
)
CORRECTED_REGION = Defect(
    "sales", "corrected_region", 0.0008, Fate.REPLACES, "as corrected, but the region was wrong"
)
STALE = Defect("sales", "stale", 0.0008, Fate.SUPERSEDED, "an older version arrives 1-6 days late")
STALE_UNDATED = Defect("sales", "stale_undated", 0.0004, Fate.SUPERSEDED, "arrives late without changed_at")
BROKEN_CORRECTION = Defect(
    "sales",
    "broken_correction",
    0.0003,
    _Q,
    "a newer version with quantity -5: the older one stands",
    "quantity:range",
)
OPTIONAL_UNREADABLE = Defect(
    "sales", "optional_unreadable", 0.001, Fate.KEPT, "gross_revenue is 'n/a'", None, "gross_revenue"
)
LATE_CUSTOMER = Defect(
    "sales",
    "late_customer",
    0.0,
    Fate.PUBLISHED,
    "every 4 weeks: lines of a customer whose master comes on Monday",
)
LATE_SKU = Defect("sales", "late_sku", 0.0, Fate.PUBLISHED, "lines of a launch whose master comes on Monday")
LATE_SALES = (CORRECTED, CORRECTED_REGION, STALE, STALE_UNDATED, BROKEN_CORRECTION)

INVENTORY_REPEATED = Defect(
    "inventory", "repeated", 0.0008, Fate.SUPERSEDED, "the same row twice in one delivery"
)
INVENTORY_CORRECTED = Defect(
    "inventory", "corrected", 0.0015, Fate.REPLACES, "yesterday's row again with another closing stock"
)
INVENTORY_NO_REGION = Defect(
    "inventory", "missing_region_code", 0.001, _Q, "an extra row without a region", "region_code:missing"
)
INVENTORY_BAD_SKU = Defect(
    "inventory", "bad_sku_code", 0.001, _Q, "an extra row with '#N/A' as sku_code", "sku_code:pattern"
)
MARKET_REPEATED = Defect("market", "repeated", 0.001, Fate.SUPERSEDED, "the same row twice in one delivery")
MARKET_NO_BRAND = Defect(
    "market", "missing_brand", 0.002, _Q, "an extra row without a brand", "brand:missing"
)
PROMOTION_NOT_MONDAY = Defect(
    "promotions", "week_not_monday", 0.0008, _Q, "an extra row whose week is a Wednesday", "week:monday"
)
PROMOTION_PERCENT = Defect(
    "promotions",
    "discount_in_percent",
    0.0008,
    _Q,
    "an extra row with 25 for 0.25",
    "promo_discount_pct:range",
)
PROMOTION_WITHDRAWN = Defect(
    "promotions",
    "withdrawn",
    0.04,
    Fate.WITHDRAWN,
    "of events: gone from the calendar 2 weeks before their start",
)
PROMOTION_NOT_EXECUTED = Defect(
    "promotions",
    "not_executed",
    0.01,
    Fate.REPORTED,
    "of promoted cells: flagged, but price and sales show nothing",
)
CUSTOMER_NO_ID = Defect(
    "customer", "missing_customer_id", 0.001, _Q, "an extra row without an id", "customer_id:missing"
)

DEFECTS: tuple[Defect, ...] = (
    *BROKEN_SALES, REPEATED, CONFLICTING, *LATE_SALES, OPTIONAL_UNREADABLE, LATE_CUSTOMER, LATE_SKU,
    INVENTORY_REPEATED, INVENTORY_CORRECTED, INVENTORY_NO_REGION, INVENTORY_BAD_SKU,
    MARKET_REPEATED, MARKET_NO_BRAND,
    PROMOTION_NOT_MONDAY, PROMOTION_PERCENT, PROMOTION_WITHDRAWN, PROMOTION_NOT_EXECUTED, CUSTOMER_NO_ID,
)  # fmt: skip

# Spelling variants that must be normalised to the same value; they are not defects. Shares of rows.
CODE_SPELLINGS = 0.01
"""Codes in lower case or surrounded by blanks."""
CHANNEL_SPELLINGS = 0.03
"""'Modern Trade', 'modern-trade', ' MODERN_TRADE '."""
WHOLE_NUMBER_SPELLINGS = 0.02
"""'5.0' for 5, in columns delivered as text."""
TIME_SPELLINGS = 0.02
"""changed_at in ISO format with a time zone: UTC, or Indian time with its offset."""


def how_many(rate: float, rows: int, draw: np.random.Generator, most: float | None = None) -> int:
    """The number of rows for a rate. It is rounded up or down at random, so that the mean holds for small deliveries too."""
    wanted = int(np.floor(rate * rows + draw.random()))
    return wanted if most is None else min(wanted, int(most * rows))
