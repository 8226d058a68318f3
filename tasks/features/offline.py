"""The offline store: Parquet files on S3, which show records some time after they were put: on AWS up to 15 minutes.

What a reader must know:

- A file is below `year=/month=/day=/hour=` of its rows' event times. Its columns are the features, `write_time` (when the
  row got there), `api_invocation_time` (when it was put) and `is_deleted`.
- There may be several rows of one (customer, event time): a request whose answer was lost is repeated, and two runs may put
  the same day. **The row of the least write_time counts**; of rows of one write_time, that of the least
  api_invocation_time. Later ones are what became known later: to take them would leak.
- A row with `is_deleted` has no features: from its event time on the customer is deleted, until a later event.
- **Point in time.** What was known of a customer at `origin`, with values known at most `known_within` later: of the rows
  with event_time <= origin and write_time <= origin + known_within, those of the latest event time, and of these the
  first written.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq

from contracts.shop import customer_features
from contracts.shop.customer_features import DELETED, EVENT_TIME, IDENTIFIER
from tasks.errors import DataError, SystemFault
from tasks.events import log
from tasks.features import gold_features
from tasks.features.feature_group import FeatureGroup, described
from tasks.services import objects

LATE = timedelta(minutes=20)
"""How long to wait for rows. AWS writes within 15 minutes."""
_LOOK_EVERY = (1.0, 15.0)
"""Seconds between two looks: at first, and at most."""
_HOUR = re.compile(r"/year=(\d{4})/month=(\d\d)/day=(\d\d)/hour=(\d\d)/[^/]+\.parquet$")


def files(since: datetime, until: datetime) -> list[str]:
    """The addresses of the files whose events may be from `since` up to, not including, `until` (both in UTC)."""
    start = since.replace(minute=0, second=0, microsecond=0)
    found = ((_hour(file.key), file.address) for file in objects.listed(f"{described().location}/"))
    return [address for hour, address in found if hour is not None and start <= hour < until]


def customers(group: FeatureGroup, as_of: date) -> set[str]:
    """The customers whose record of this day is in the offline store by now."""
    seen: set[str] = set()
    for address in _files_of(group, as_of):
        seen.update(_customers(address, as_of))
    return seen


def wait_until_shown(
    as_of: date,
    snapshot: int | None,
    refused: Collection[str] = (),
    *,
    limit: timedelta = LATE,
    every: tuple[float, float] = _LOOK_EVERY,
) -> int:
    """Wait until the offline store has a record of each customer of the day. Gives their number.

    The customers are those of a snapshot of gold.ml_features, the ingested one, that are not deleted, without the
    `refused` ones. Raises SystemFault after the limit.
    """
    group = described()
    missing = _expected(as_of, snapshot) - set(refused)
    number, read = len(missing), set[str]()
    deadline, pause = time.monotonic() + limit.total_seconds(), every[0]
    while True:
        for address in _files_of(group, as_of):
            if address not in read:
                missing.difference_update(_customers(address, as_of))
                read.add(address)
        if not missing:
            return number
        if time.monotonic() >= deadline:
            raise _too_late(as_of, missing, number, limit)
        log("waiting for the offline store", as_of=as_of, missing=len(missing), of=number)
        time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
        pause = min(2 * pause, every[1])


def _too_late(as_of: date, missing: Collection[str], number: int, limit: timedelta) -> SystemFault:
    group = described()
    why = (
        f"SageMaker says that it is blocked: {group.blocked}. Correct that"
        if group.blocked
        else "AWS writes within 15 minutes. See whether the group's role may write there"
    )
    return SystemFault(
        f"the offline store of {group.name} at {group.location} lacks {len(missing)} of {number} customers of {as_of} "
        f"after {limit.total_seconds() / 60:.0f} minutes, such as {min(missing)}. {why}, then run again."
    )


def _expected(as_of: date, snapshot: int | None) -> set[str]:
    found: set[str] = set()
    for batch in gold_features.batches(as_of, (IDENTIFIER, DELETED), snapshot):
        found.update(row[IDENTIFIER] for row in batch.to_pylist() if not row[DELETED])
    return found


def _files_of(group: FeatureGroup, as_of: date) -> Iterable[str]:
    hour = f"year={as_of:%Y}/month={as_of:%m}/day={as_of:%d}/hour=00"
    return [f.address for f in objects.listed(f"{group.location}/{hour}/") if f.key.endswith(".parquet")]


def _customers(address: str, as_of: date) -> set[str]:
    """The customers with a record of the day in a file. A mark of a deletion has a later event time."""
    try:
        rows = pq.read_table(io.BytesIO(objects.read(address)), columns=[IDENTIFIER, EVENT_TIME])
    except (pa.ArrowInvalid, KeyError) as error:
        raise DataError(
            f"{address} is no file of the offline store: {error}. Remove it, then run again."
        ) from error
    ours = customer_features.event_time(as_of)
    return {
        id_
        for id_, at in zip(rows[IDENTIFIER].to_pylist(), rows[EVENT_TIME].to_pylist(), strict=True)
        if at == ours
    }


def _hour(key: str) -> datetime | None:
    found = _HOUR.search(f"/{key}")
    if found is None:
        return None
    year, month, day, hour = (int(part) for part in found.groups())
    return datetime(year, month, day, hour, tzinfo=UTC)
