"""The Snowflake medallion in the demo: a day goes by in the shop, and what changed is extracted."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from typing import Any

from local.settings import LocalSettings
from local.shop import change_shop, summary
from local.sql import Result, connect

FLOW = "snowflake-medallion"
_SEED, _CUSTOMERS = 1, 300
_DAY = timedelta(days=1)


def show_medallion(settings: LocalSettings, extract: Callable[[], dict[str, Any]]) -> str:
    """Extract the shop twice: all of it, and what a day changed. `extract` runs the flow and returns what it says."""
    with closing(connect(settings)) as connection:
        change_shop(connection, _DAY, _SEED, _CUSTOMERS)
        first = extract()["entities"]
        _, changes = change_shop(connection, _DAY, _SEED, _CUSTOMERS)
        then = extract()["entities"]
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
        ]
    )
