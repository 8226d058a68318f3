"""Bring the sales and the promotion mart up to date: compute again what the loads changed, or rebuild both whole.

The loads record what they change in CURATED.MART_CHANGES (warehouse/load/cpg/mart_changes.py). The statements of a refresh
run in one transaction under the write lock, and the last one deletes the changes that it has covered.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from warehouse.load.cpg.sales import ANOMALY_DAYS
from warehouse.marts import rules_of
from warehouse.marts.cpg import PROMOTIONS, SALES
from warehouse.statement import Kind, Statement

_MOST = 0.5  # of the days, SKUs or regions: when more have changed, a rebuild is cheaper

_DAYS = f"""SELECT d.date_key
    FROM DW.DIM_DATE d
    JOIN (SELECT DISTINCT dataset, day FROM CURATED.MART_CHANGES WHERE dataset IN ('sales', 'customer')) c
        ON d.full_date BETWEEN c.day AND DATEADD(day, IFF(c.dataset = 'sales', {ANOMALY_DAYS - 1}, 0), c.day)"""
"""Days of which the mart's rows may differ. A changed line may change the anomaly flags of the days after it."""

_SKUS = "SELECT sku_key FROM CURATED.MART_CHANGES WHERE dataset = 'sku'"
_REGIONS = "SELECT geo_key FROM CURATED.MART_CHANGES WHERE dataset = 'geography'"

_SERIES_SOLD = """SELECT sku_key, geo_key, MIN(day) AS day
    FROM CURATED.MART_CHANGES
    WHERE dataset = 'sales'
    GROUP BY sku_key, geo_key"""


def rules() -> str:
    return rules_of((SALES, PROMOTIONS))


@dataclass(frozen=True)
class Changes:
    """What changed since the last refresh, as `read` finds it."""

    rules: str | None
    last_sale_then: date | None
    first_sale: date | None
    last_sale: date | None
    rows: int
    first_day: date | None
    days: int
    first_date_key: int | None
    last_date_key: int | None
    skus: int
    regions: int
    all_skus: int
    all_regions: int

    @property
    def is_nothing(self) -> bool:
        return self.rows == 0 and self.last_sale == self.last_sale_then

    def why_whole(self) -> str | None:
        """Why the marts have to be rebuilt whole, if they have to."""
        if self.rules is None:
            return "nothing is known of an earlier refresh"
        if self.rules != rules():
            return "the statements of the marts have changed"
        if self.first_sale is None or self.last_sale is None or self.last_sale_then is None:
            return "there are or were no sales"
        counts = {
            "days": (self.days, (self.last_sale - self.first_sale).days + 1),
            "SKUs": (self.skus, self.all_skus),
            "regions": (self.regions, self.all_regions),
        }
        for what, (changed, all_) in counts.items():
            if changed > _MOST * all_:
                return f"{changed} of {all_} {what} have changed"
        return None


def read() -> Statement:
    """Read the fields of Changes, in their order."""
    return Statement(
        "read what the marts miss",
        f"""WITH sold AS (
    SELECT MIN(order_date) AS first_sale, MAX(order_date) AS last_sale
    FROM DW.FACT_SALES
),
touched AS (
    SELECT date_key
    FROM DW.DIM_DATE
    WHERE date_key IN ({_DAYS})
        AND (full_date <= (SELECT last_sale FROM sold) OR full_date <= (SELECT MIN(last_sale) FROM CURATED.MART_STATE))
)
SELECT
    (SELECT MIN(rules) FROM CURATED.MART_STATE) AS rules,
    (SELECT MIN(last_sale) FROM CURATED.MART_STATE) AS last_sale_then,
    sold.first_sale,
    sold.last_sale,
    (SELECT COUNT(*) FROM CURATED.MART_CHANGES) AS changes,
    (SELECT MIN(day) FROM CURATED.MART_CHANGES WHERE dataset = 'sales') AS first_day,
    (SELECT COUNT(*) FROM touched) AS days,
    (SELECT MIN(date_key) FROM touched) AS first_date_key,
    (SELECT MAX(date_key) FROM touched) AS last_date_key,
    (SELECT COUNT(DISTINCT sku_key) FROM CURATED.MART_CHANGES WHERE dataset = 'sku') AS skus,
    (SELECT COUNT(DISTINCT geo_key) FROM CURATED.MART_CHANGES WHERE dataset = 'geography') AS regions,
    (SELECT COUNT(*) FROM DW.DIM_SKU) AS all_skus,
    (SELECT COUNT(*) FROM DW.DIM_GEOGRAPHY) AS all_regions
FROM sold""",
    )


def rebuild(changes: Changes) -> list[Statement]:
    return [
        _remember(changes),
        Statement(
            "find the first sales",
            """INSERT OVERWRITE INTO CURATED.FIRST_SALES
SELECT sku_key, geo_key, MIN(order_date)
FROM DW.FACT_SALES
GROUP BY sku_key, geo_key""",
            kind=Kind.MART,
        ),
        Statement(
            "touch every promotion",
            """INSERT OVERWRITE INTO CURATED.PROMOTIONS_TOUCHED
SELECT DISTINCT promo_id, sku_key, geo_key
FROM DW.FACT_PROMOTION""",
        ),
        PROMOTIONS.overwrite(),
        SALES.overwrite(),
        *_FORGET,
    ]


def update(changes: Changes) -> list[Statement]:
    """The statements that compute what changed. Only if there is no reason to rebuild (`Changes.why_whole`)."""
    if changes.is_nothing:
        return []
    return [
        _remember(changes),
        *(_first_sales(changes.first_day) if changes.first_day else []),
        _touch_promotions(changes),
        Statement("delete the promotions touched", _DELETE_PROMOTIONS, kind=Kind.MART),
        PROMOTIONS.insert(),
        *(_sales_of_days(changes) if changes.days else []),
        *(_sales(_CODES_OF_SKUS, f"f.sku_key IN ({_SKUS})") if changes.skus else []),
        *(_sales(_CODES_OF_REGIONS, f"f.geo_key IN ({_REGIONS})") if changes.regions else []),
        *_FORGET,
    ]


def _sales_of_days(changes: Changes) -> list[Statement]:
    """With their range as well, by which the other days are not even read."""
    days = f"date_key BETWEEN %s AND %s AND {{}}date_key IN ({_DAYS})"
    bounds = (changes.first_date_key, changes.last_date_key)
    return _sales(days.format(""), f"f.{days.format('f.')}", bounds)


def _sales(rows: str, facts: str, parameters: tuple[Any, ...] = ()) -> list[Statement]:
    """Replace some rows of the sales mart by what the same facts say now."""
    delete = f"DELETE FROM {SALES.table} WHERE {rows}"
    return [
        Statement(f"delete what changed in {SALES.name}", delete, parameters, kind=Kind.MART),
        SALES.insert(facts, parameters),
    ]


_CODES_OF_SKUS = f"sku_code IN (SELECT sku_code FROM DW.DIM_SKU WHERE sku_key IN ({_SKUS}))"
_CODES_OF_REGIONS = f"region_code IN (SELECT region_code FROM DW.DIM_GEOGRAPHY WHERE geo_key IN ({_REGIONS}))"

_DELETE_PROMOTIONS = f"""DELETE FROM {PROMOTIONS.table}
USING CURATED.PROMOTIONS_TOUCHED t
WHERE {PROMOTIONS.name.upper()}.promo_id = t.promo_id AND {PROMOTIONS.name.upper()}.sku_key = t.sku_key
    AND {PROMOTIONS.name.upper()}.geo_key = t.geo_key"""

_FORGET = (
    Statement("forget the promotions touched", "DELETE FROM CURATED.PROMOTIONS_TOUCHED"),
    Statement("forget what the marts no longer miss", "DELETE FROM CURATED.MART_CHANGES"),
)


def _remember(changes: Changes) -> Statement:
    """Before the marts are computed: the promotion mart measures up to this last sale."""
    return Statement(
        "remember the refresh",
        "INSERT OVERWRITE INTO CURATED.MART_STATE SELECT %s, %s::DATE, CURRENT_TIMESTAMP()",
        (rules(), changes.last_sale),
        kind=Kind.QUICK,
    )


def _first_sales(first_day: date) -> list[Statement]:
    """Find anew when a series was first sold, if it is new or its first day may have changed.

    All sales of a new series are on changed days, so none is before `first_day`.
    """
    forget = f"""DELETE FROM CURATED.FIRST_SALES
USING (
    {_SERIES_SOLD}
) c
WHERE FIRST_SALES.sku_key = c.sku_key AND FIRST_SALES.geo_key = c.geo_key AND c.day <= FIRST_SALES.first_sale"""
    find = f"""INSERT INTO CURATED.FIRST_SALES (sku_key, geo_key, first_sale)
SELECT f.sku_key, f.geo_key, MIN(f.order_date)
FROM DW.FACT_SALES f
JOIN (
    SELECT s.sku_key, s.geo_key
    FROM (
    {_SERIES_SOLD}
    ) s
    LEFT JOIN CURATED.FIRST_SALES known ON known.sku_key = s.sku_key AND known.geo_key = s.geo_key
    WHERE known.sku_key IS NULL
) unknown ON unknown.sku_key = f.sku_key AND unknown.geo_key = f.geo_key
WHERE f.date_key >= %s
GROUP BY f.sku_key, f.geo_key"""
    date_key = int(f"{first_day:%Y%m%d}")
    return [
        Statement("forget first sales that may have changed", forget, kind=Kind.MART),
        Statement("find first sales", find, (date_key,), kind=Kind.MART),
    ]


def _touch_promotions(changes: Changes) -> Statement:
    """Find the promotions whose figures may differ.

    A promotion's figures follow from the facts of its SKU and region up to its last day: its own weeks, promotions that
    share one, baseline weeks before them, the first sale. So a change touches every promotion of the SKU and region that
    ends on its day or later. Lines that were withdrawn stay in FACT_PROMOTION and count here: the promotion may have ended
    with one of them. The last sale in the warehouse concerns all SKUs and regions: when it moves, it touches every promotion
    that ends in its week or later.
    """
    return Statement(
        "touch promotions",
        """INSERT OVERWRITE INTO CURATED.PROMOTIONS_TOUCHED
WITH changed AS (
    SELECT sku_key, geo_key, MIN(day) AS day
    FROM CURATED.MART_CHANGES
    WHERE dataset IN ('sales', 'inventory', 'promotions')
    GROUP BY sku_key, geo_key
),
skus AS (
    SELECT DISTINCT sku_key
    FROM CURATED.MART_CHANGES
    WHERE dataset = 'sku'
),
known AS (
    SELECT promo_id, sku_key, geo_key, MAX(week_start) AS last_week
    FROM DW.FACT_PROMOTION
    GROUP BY promo_id, sku_key, geo_key
)
SELECT DISTINCT k.promo_id, k.sku_key, k.geo_key
FROM known k
LEFT JOIN changed c ON c.sku_key = k.sku_key AND c.geo_key = k.geo_key
LEFT JOIN skus s ON s.sku_key = k.sku_key
WHERE c.day <= DATEADD(day, 6, k.last_week)::DATE
    OR k.last_week >= %s::DATE
    OR s.sku_key IS NOT NULL""",
        (_running_week(changes),),
        kind=Kind.MART,
    )


def _running_week(changes: Changes) -> date | None:
    """The Monday from which a moved last sale changes figures; None if it has not moved."""
    if (
        changes.last_sale is None
        or changes.last_sale_then is None
        or changes.last_sale == changes.last_sale_then
    ):
        return None
    earlier = min(changes.last_sale, changes.last_sale_then)
    return earlier - timedelta(days=earlier.weekday())
