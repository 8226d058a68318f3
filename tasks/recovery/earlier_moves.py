"""Notes of the arrivals of files that an earlier release moved to history/: it wrote none, and a rebuild needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.inbox import arrivals
from tasks.services.snowflake import rows
from warehouse.load.retail.files import known_file, moved_files

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

_IN_A_LIST = 1000


def note(connection: SnowflakeConnection) -> int:
    """Note what MONITORING.INBOX_FILES knows and no note has. Returns how many that were. Harmless to repeat."""
    noted = {(each.source_file, each.version_id, each.history_file) for each in arrivals.recorded()}
    moved = [
        file
        for file in map(known_file, rows(connection, moved_files()))
        if (file.source_file, file.version_id, file.history_file) not in noted
    ]
    for start in range(0, len(moved), _IN_A_LIST):
        arrivals.record(moved[start : start + _IN_A_LIST])
    return len(moved)
