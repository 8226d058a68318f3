"""What becomes of each file: loaded, unchanged or refused. Pure: from the files and what MONITORING.INBOX_FILES knows.

The rules look at content and arrival alone, so that files may be processed in any order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from contracts.retail import INBOX
from tasks.inbox.judging import Judged

LOADED, UNCHANGED, REFUSED, WAITING = "loaded", "unchanged", "refused", "waiting"


@dataclass(frozen=True)
class Known:
    """A file version in MONITORING.INBOX_FILES, or one that was decided before in the same load."""

    source_file: str
    version_id: str
    status: str
    kind: str | None
    content_hash: str | None
    batch_date: date | None
    received_at: datetime
    load_id: str
    rows_quarantined: int
    contract_version: str | None
    message: str | None = None

    @property
    def arrival(self) -> tuple[datetime, str, str]:
        return self.received_at, self.source_file, self.version_id


@dataclass
class Settled:
    """`versions` has for each load that the content's rows belong to its batch date and arrival as they are from now on."""

    loaded: list[Judged] = field(default_factory=list)
    unchanged: list[tuple[Judged, Known]] = field(default_factory=list)
    already: list[tuple[Judged, Known]] = field(default_factory=list)
    versions: dict[str, tuple[date, datetime]] = field(default_factory=dict)


def settle(judged: Sequence[Judged], known: Iterable[Known]) -> Settled:
    """Decide about files that are not refused. A file that another run settled meanwhile stays as it is."""
    seen = [each for each in known if each.status in (LOADED, UNCHANGED)]
    done = {(each.source_file, each.version_id): each for each in seen}
    settled = Settled()
    for file in sorted(judged, key=lambda each: each.version.arrival):
        version = file.version
        if earlier := done.get((version.key, version.version_id)):
            settled.already.append((file, earlier))
            continue
        alike = [each for each in seen if (each.kind, each.content_hash) == _content(file)]
        same = _same(file, alike, seen)
        entry = _known(file, UNCHANGED if same else LOADED)
        seen.append(entry)
        if same is None:
            settled.loaded.append(file)
            settled.versions[version.load_id] = (_latest_batch([*alike, entry]), version.received_at)
        else:
            settled.unchanged.append((file, same))
            settled.versions |= _redated(alike, entry)
    return settled


def _content(file: Judged) -> tuple[str, str]:
    assert file.name is not None
    return file.name.kind, file.content_hash


def _same(file: Judged, alike: Iterable[Known], seen: Iterable[Known]) -> Known | None:
    """The load that has the file's content already: the newest of its own name, or any of another name."""
    own = [
        each
        for each in seen
        if each.status == LOADED
        and each.source_file == file.version.key
        and each.arrival < file.version.arrival
    ]
    newest = max(own, key=lambda each: each.arrival, default=None)
    candidates = (
        each
        for each in alike
        if each.status == LOADED and (each == newest or each.source_file != file.version.key)
    )
    return next(filter(_stands, candidates), None)


def _stands(load: Known) -> bool:
    """Whether the contract of today would judge the content as it was judged then."""
    assert load.kind is not None
    return not load.rows_quarantined or load.contract_version == INBOX[load.kind].version


def _latest_batch(alike: Iterable[Known]) -> date:
    return max(each.batch_date for each in alike if each.batch_date)


def _redated(alike: Sequence[Known], again: Known) -> dict[str, tuple[date, datetime]]:
    """What changes about the loads of a content that came again: all take a later batch date. The first load takes an
    earlier arrival, because in the order of arrival it would have been this one."""
    batch_date, first = _latest_batch([*alike, again]), min(each.received_at for each in [*alike, again])
    was = _latest_batch(alike), min(each.received_at for each in alike)
    if (batch_date, first) == was:
        return {}
    loads = sorted((each for each in alike if each.status == LOADED), key=lambda each: each.arrival)
    return {
        load.load_id: (batch_date, first if place == 0 else load.received_at)
        for place, load in enumerate(loads)
    }


def _known(file: Judged, status: str) -> Known:
    assert file.name is not None
    version = file.version
    return Known(
        source_file=version.key,
        version_id=version.version_id,
        status=status,
        kind=file.name.kind,
        content_hash=file.content_hash,
        batch_date=file.name.batch_date,
        received_at=version.received_at,
        load_id=version.load_id,
        rows_quarantined=file.rows_rejected,
        contract_version=INBOX[file.name.kind].version,
    )
