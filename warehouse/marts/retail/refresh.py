"""Bring the retail marts up to date: compute again what the loads changed, or rebuild all of them.

The loads record what they change in STAGE.RETAIL_CHANGES (warehouse/load/retail/stage.py). The statements run in one
transaction under the write lock, and the last one deletes the changes that they have covered. STAGE.RETAIL_MART_STATE
has a hash of the rules that the marts were computed by.
"""

from __future__ import annotations

from dataclasses import dataclass

from warehouse.load.merge import merge_text, same_key
from warehouse.marts import EVERYTHING, Mart, rules_of
from warehouse.marts.retail import DAILY_SALES, STORE_PERFORMANCE, TOP_STORES
from warehouse.statement import Kind, Statement

_TOTALS = "STAGE.RETAIL_STORE_TOTALS"

_DAYS = "SELECT store_token, day AS sale_date FROM STAGE.RETAIL_CHANGES WHERE day IS NOT NULL"
_STORES = "SELECT store_token FROM STAGE.RETAIL_CHANGES WHERE day IS NULL"
_SELLERS = "SELECT store_token FROM STAGE.RETAIL_CHANGES WHERE day IS NOT NULL"
_MONTHS = "SELECT DATE_TRUNC('MONTH', day)::DATE AS month FROM STAGE.RETAIL_CHANGES WHERE day IS NOT NULL"

_FORGET = Statement("forget what the retail marts no longer miss", "DELETE FROM STAGE.RETAIL_CHANGES")


def rules() -> str:
    return rules_of((DAILY_SALES, STORE_PERFORMANCE, TOP_STORES), _totals_text(EVERYTHING))


@dataclass(frozen=True)
class Missed:
    """What no refresh has covered yet, as `read` finds it."""

    changes: int
    rules: str | None

    def why_whole(self) -> str | None:
        """Why the marts have to be rebuilt whole, if they have to."""
        if self.rules is None:
            return "nothing is known of an earlier refresh"
        if self.rules != rules():
            return "the statements of the marts have changed"
        return None


def read() -> Statement:
    """Read the fields of Missed, in their order."""
    return Statement(
        "read what the retail marts miss",
        "SELECT (SELECT COUNT(*) FROM STAGE.RETAIL_CHANGES), (SELECT MIN(rules) FROM STAGE.RETAIL_MART_STATE)",
        kind=Kind.QUICK,
    )


def refresh() -> list[Statement]:
    """All stores are ranked again, which reads their totals alone; sales are read of what changed."""
    return [
        *_replace(DAILY_SALES, ("store_token", "sale_date"), _DAYS),
        *_replace(DAILY_SALES, ("store_token",), _STORES),
        Statement(f"compute what changed in {_TOTALS}", _merge_totals_text(), kind=Kind.MART),
        STORE_PERFORMANCE.overwrite(),
        *_replace(TOP_STORES, ("month",), _MONTHS),
        _FORGET,
    ]


def rebuild() -> list[Statement]:
    totals = f"INSERT OVERWRITE INTO {_TOTALS}\n{_totals_text(EVERYTHING)}"
    return [
        DAILY_SALES.overwrite(),
        Statement(f"rebuild {_TOTALS}", totals, kind=Kind.MART),
        STORE_PERFORMANCE.overwrite(),
        TOP_STORES.overwrite(),
        Statement(
            "remember the rules of the retail marts",
            "INSERT OVERWRITE INTO STAGE.RETAIL_MART_STATE SELECT %s, CURRENT_TIMESTAMP()",
            (rules(),),
            kind=Kind.QUICK,
        ),
        _FORGET,
    ]


def _replace(mart: Mart, key: tuple[str, ...], changed: str) -> list[Statement]:
    """Replace the rows whose key changed. An INSERT that is sent twice finds that the key is there already."""
    delete = f"DELETE FROM {mart.table}\nWHERE {_is_in(changed, key, mart.name)}"
    computed = (
        f"{_is_in(changed, key, 's')}\n        AND NOT {_is_in(f'SELECT * FROM {mart.table}', key, 's')}"
    )
    return [
        Statement(f"delete what changed in {mart.name}", delete, kind=Kind.MART),
        mart.insert(computed),
    ]


def _is_in(rows: str, key: tuple[str, ...], row: str) -> str:
    return f"EXISTS (SELECT 1 FROM ({rows}) found WHERE {same_key(key, 'found', row)})"


def _merge_totals_text() -> str:
    """A MERGE, because STAGE allows it and no store loses all of its sales."""
    return merge_text(
        _TOTALS,
        _totals_text(f"store_token IN ({_SELLERS})"),
        ("store_token",),
        ("store_token", "first_sale", "last_sale", "transactions", "receipts", "amount"),
        newer="TRUE",
    )


def _totals_text(scope: str) -> str:
    """All sales of a store. A receipt of several days counts once, so the days of the daily mart do not add up to this."""
    return f"""SELECT store_token,
        MIN(transaction_time)::DATE AS first_sale,
        MAX(transaction_time)::DATE AS last_sale,
        COUNT(*) AS transactions,
        COUNT(DISTINCT receipt_token) AS receipts,
        SUM(sales.amount) AS amount
    FROM STAGE.SALES sales
    WHERE {scope}
    GROUP BY store_token"""
