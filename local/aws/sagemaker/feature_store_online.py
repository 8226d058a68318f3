"""The online store: the record of the latest event time of each identifier, whatever the order of writes."""

from __future__ import annotations

import threading
import time

from local.aws.sagemaker.feature_store_groups import FeatureGroup
from local.aws.sagemaker.feature_store_records import Record, RequestError

Key = tuple[str, str]


class OnlineStore:
    """The records of all feature groups. `records` is one of the checkpoints' registries: its values never change."""

    def __init__(self) -> None:
        self.records: dict[Key, Record] = {}
        self._lock = threading.Lock()

    def put(self, group: FeatureGroup, record: Record) -> None:
        """Keep a record unless a later one is known. Over a deleted one it must be later, not equal."""
        key = (group.uid, record.identifier)
        with self._lock:
            known = self._live(key)
            if known is None or _replaces(record, known):
                self.records[key] = record

    def delete(self, group: FeatureGroup, mark: Record, *, is_hard: bool) -> None:
        """Delete a record that is earlier than the mark. A soft delete keeps the mark, a hard one nothing."""
        key = (group.uid, mark.identifier)
        with self._lock:
            known = self._live(key)
            if known is not None and known.event_time >= mark.event_time:
                if is_hard:
                    raise RequestError(
                        f"Validation Error: EventTime: {mark.event_text} is not later than {known.event_text}, the event "
                        f"time of record {mark.identifier} in the OnlineStore."
                    )
                return
            if is_hard:
                self.records.pop(key, None)
            else:
                self.records[key] = mark

    def get(self, group: FeatureGroup, identifier: str) -> Record | None:
        with self._lock:
            known = self._live((group.uid, identifier))
        return known if known is not None and known.values is not None else None

    def forget(self, group: FeatureGroup) -> None:
        with self._lock:
            for key in [key for key in self.records if key[0] == group.uid]:
                del self.records[key]

    def _live(self, key: Key) -> Record | None:
        """The record if it has not expired: an expired one is gone as if it had never been."""
        known = self.records.get(key)
        if known is not None and known.expires is not None and known.expires <= time.time() * 1e6:
            del self.records[key]
            return None
        return known


def _replaces(record: Record, known: Record) -> bool:
    if known.values is None:
        return record.event_time > known.event_time
    return record.event_time >= known.event_time
