"""The offline store: every record that was put or deleted, as Parquet on S3 in AWS's layout, some time later."""

from __future__ import annotations

import io
import secrets
import string
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import structlog
from botocore.exceptions import BotoCoreError, ClientError

from local.aws.sagemaker.feature_store_groups import FeatureGroup
from local.aws.sagemaker.feature_store_records import Record, moment

log = structlog.get_logger()

_TYPES = {"Integral": pa.int64(), "Fractional": pa.float64(), "String": pa.string()}
_PARSERS = {"Integral": int, "Fractional": float, "String": str}
_MOMENT = pa.timestamp("ms", tz="UTC")
_LETTERS = string.ascii_letters + string.digits
_ROWS_AT_ONCE = 20_000


@dataclass(frozen=True)
class Row:
    group: FeatureGroup
    record: Record
    invoked: int
    """When the call arrived, in microseconds since 1970."""

    @property
    def file(self) -> tuple[str, str]:
        """What rows of one file have in common: the group and the hour of the event."""
        return self.group.uid, f"{moment(self.record.event_time):year=%Y/month=%m/day=%d/hour=%H}"


class OfflineStore:
    """Rows wait in memory and are written together, every `seconds` or after 20,000: files stay few.

    `pending` is one of the checkpoints' registries: its values never change.
    """

    def __init__(self, s3: Any, seconds: float) -> None:
        self.pending: dict[int, Row] = {}
        self._s3 = s3
        self._seconds = seconds
        self._number = 0
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._wake = threading.Event()
        self._is_open = True
        self._thread = threading.Thread(target=self._serve, name="offline-store", daemon=True)
        self._thread.start()

    def add(self, group: FeatureGroup, record: Record) -> None:
        row = Row(group, record, int(time.time() * 1e6))
        with self._lock:
            self._number += 1
            self.pending[self._number] = row
            is_full = len(self.pending) >= _ROWS_AT_ONCE
        if is_full:
            self._wake.set()

    def close(self) -> None:
        """Write what waits. The S3 server must still answer."""
        self._is_open = False
        self._wake.set()
        self._thread.join()
        self.flush()

    def flush(self) -> None:
        with self._flushing:
            with self._lock:
                taken = dict(self.pending)
            files: dict[tuple[str, str], dict[int, Row]] = defaultdict(dict)
            for number, row in taken.items():
                files[row.file][number] = row
            for (_, hour), rows in files.items():
                if self._write(hour, list(rows.values())):
                    with self._lock:
                        for number in rows:
                            self.pending.pop(number, None)

    def _serve(self) -> None:
        while self._is_open:
            self._wake.wait(self._seconds)
            self._wake.clear()
            self.flush()

    def _write(self, hour: str, rows: Sequence[Row]) -> bool:
        group = rows[0].group
        latest = moment(max(row.record.event_time for row in rows))
        unique = "".join(secrets.choice(_LETTERS) for _ in range(16))
        bucket, _, folder = group.location.removeprefix("s3://").partition("/")
        key = f"{folder}/{hour}/{latest:%Y%m%dT%H%M%SZ}_{unique}.parquet"
        try:
            self._s3.put_object(Bucket=bucket, Key=key, Body=parquet(group, rows, int(time.time() * 1e6)))
        except (ClientError, BotoCoreError) as error:
            if not group.blocked:
                log.error("offline_store_blocked", group=group.name, rows=len(rows), error=str(error))
            group.blocked = str(error)
            return False
        group.blocked = ""
        return True


def parquet(group: FeatureGroup, rows: Sequence[Row], written: int) -> bytes:
    """Rows as a Parquet file: the features, then what AWS adds. A deleted record has its identifier and event time only."""
    columns: dict[str, pa.Array] = {}
    values = [
        row.record.values
        if row.record.values is not None
        else {group.identifier: row.record.identifier, group.event_time: row.record.event_text}
        for row in rows
    ]
    for name, kind in group.types.items():
        parse, texts = _PARSERS[kind], [value.get(name) for value in values]
        columns[name] = pa.array([None if text is None else parse(text) for text in texts], _TYPES[kind])
    columns["write_time"] = pa.array([written // 1000] * len(rows), _MOMENT)
    columns["api_invocation_time"] = pa.array([row.invoked // 1000 for row in rows], _MOMENT)
    columns["is_deleted"] = pa.array([row.record.values is None for row in rows], pa.bool_())
    body = io.BytesIO()
    pq.write_table(pa.table(columns), body, compression="snappy")
    return body.getvalue()
