"""Whether a warehouse may be rebuilt: it is empty, or holds nothing but what a rebuild began to load.

A rebuild is one run, always with the same id, and every load writes down the id of its run. So a rebuild that was killed
knows its own work, and any other run that is on record means that the warehouse holds what a rebuild does not know of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.errors import BusinessError
from tasks.services.snowflake import execute, rows
from warehouse import contents

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

FLOW = RUN_ID = "warehouse-rebuild"


class LeftOut(str):
    """A line that says what a rebuild did not load, and why."""

    __slots__ = ()


def require_empty_or_ours(connection: SnowflakeConnection) -> None:
    require_no_other(connection)
    if rows(connection, contents.recorded(RUN_ID)):
        return
    if filled := [name for name in contents.DATA if rows(connection, contents.first_row(name))]:
        raise BusinessError(
            f"the warehouse has rows that no run on record has loaded ({', '.join(filled)}): a rebuild fills an empty one "
            "alone. Nothing was changed."
        )


def require_no_other(connection: SnowflakeConnection) -> None:
    found = ((name, execute(connection, contents.other_run(name, RUN_ID))[0]) for name in contents.RECORDS)
    if others := [f"{name} names {run}" for name, run in found if run is not None]:
        raise BusinessError(
            f"the warehouse was loaded by other runs ({', '.join(others)}): a rebuild fills an empty one alone. Make an "
            "empty database and migrate it while the work pool is paused (docs/operate.md)."
        )
