"""The Snowflake medallion in the demo: a day goes by in the shop; what changed is extracted, cleaned and summed up."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from typing import Any

from local.settings import LocalSettings
from local.shop import change_shop, summary
from local.sql import Result, connect, query

FLOW = "snowflake-medallion"
_SEED, _CUSTOMERS, _HISTORY = 1, 600, 730
_DAY = timedelta(days=1)
_SEGMENTS = (
    "SELECT customer_segment, COUNT(*) AS CUSTOMERS, SUM(total_orders) AS ORDERS, SUM(lifetime_value) AS LIFETIME_VALUE "
    "FROM MARTS.CUSTOMER_ANALYTICS GROUP BY customer_segment ORDER BY LIFETIME_VALUE DESC"
)


def show_medallion(settings: LocalSettings, run: Callable[[dict[str, Any]], dict[str, Any]]) -> str:
    """Extract the shop twice: all of it, then what a day changed, with silver and gold. `run` runs the flow."""
    with closing(connect(settings)) as connection:
        change_shop(connection, _DAY, _SEED, _CUSTOMERS, days=_HISTORY)
        first = run({"stages": ["extract"]})["entities"]
        _, changes = change_shop(connection, _DAY, _SEED, _CUSTOMERS)
        last = run({})
    then = last["entities"]
    changed = {name.lower(): counts for name, *counts in summary(changes).rows}
    rows = [
        (
            entity,
            first[entity]["rows_added"],
            *changed[entity],
            found["rows_added"],
            found["rows_quarantined"],
        )
        for entity, found in then.items()
    ]
    columns = ["ENTITY", "FIRST_RUN", "INSERTS", "UPDATES", "DELETES", "SECOND_RUN", "QUARANTINED"]
    return "\n".join(
        [
            "What was extracted from the shop: all of it, then what a day had changed",
            Result(columns, rows).indented(),
            "",
            "What became of it: silver (history, order lines), gold, and a mart of the warehouse",
            Result(
                ["TABLE", "ROWS"],
                [
                    (f"{layer}.{name}", rows["rows_added"])
                    for layer, tables in last["layers"].items()
                    for name, rows in tables.items()
                ],
            ).indented(),
            query(_SEGMENTS, settings).indented(),
        ]
    )
