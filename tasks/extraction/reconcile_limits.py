"""A source that was cut off, or set back to a backup, must not delete the lake: then a reconciliation writes nothing."""

from __future__ import annotations

from typing import Protocol

from tasks.errors import BusinessError

_FEW = 20
"""So few tombstones are no sign of a broken source, unless it has no rows at all."""


class Counted(Protocol):
    entity: str
    rows_source: int
    rows_pending: int
    rows_lake: int


def require_few(found: Counted, tombstones: int, most_share: float) -> None:
    """Raises BusinessError if too many of the lake's keys are gone, or have an older row than the lake's."""
    is_empty = found.rows_source + found.rows_pending == 0
    allowed = most_share * found.rows_lake
    if tombstones <= (allowed if is_empty else max(allowed, _FEW)):
        return
    raise BusinessError(
        f"{found.entity}: of the {found.rows_lake:,} keys that the lake has, {tombstones:,} are gone from the source or set "
        f"back there; it has {found.rows_source:,} rows. More than {most_share:.0%} are not believed "
        "(tombstones_max_share): nothing was written. If the source is right, run it again with a higher share."
    )
