"""What becomes of each file: loaded, unchanged or refused. Pure: from the files and what MONITORING.INBOX_FILES knows.

The rules look at content and arrival alone, so that files may be processed in any order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from contracts.retail import INBOX
from tasks.inbox.judging import Judged
from tasks.inbox.waiting import Arrival
from warehouse.load.retail.files import InboxFile

LOADED, UNCHANGED, REFUSED = "loaded", "unchanged", "refused"


@dataclass
class Settled:
    """What becomes of files of one kind. `already`: another run settled them meanwhile.

    `versions` has, for each load whose rows get or change them, the batch date and the arrival of the rows.
    """

    loaded: list[Judged] = field(default_factory=list)
    unchanged: list[tuple[Judged, InboxFile]] = field(default_factory=list)
    already: list[tuple[Judged, InboxFile]] = field(default_factory=list)
    versions: dict[str, tuple[date, Arrival]] = field(default_factory=dict)


def settle(judged: Sequence[Judged], known: Iterable[InboxFile]) -> Settled:
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
            settled.versions[version.load_id] = (_latest_batch([*alike, entry]), version.arrival)
        else:
            settled.unchanged.append((file, same))
            settled.versions |= _redated(alike, entry)
    return settled


def _content(file: Judged) -> tuple[str, str]:
    assert file.name is not None
    return file.name.kind, file.content_hash


def _same(file: Judged, alike: Iterable[InboxFile], seen: Iterable[InboxFile]) -> InboxFile | None:
    """The load that has the file's content already: the newest of its own name, or any of another name."""
    own = [
        each
        for each in seen
        if each.status == LOADED
        and each.source_file == file.version.key
        and arrival(each) < file.version.arrival
    ]
    newest = max(own, key=arrival, default=None)
    candidates = (
        each
        for each in alike
        if each.status == LOADED and (each == newest or each.source_file != file.version.key)
    )
    return next(filter(_stands, candidates), None)


def _stands(load: InboxFile) -> bool:
    """Whether the contract of today would judge the content as it was judged then."""
    assert load.kind is not None
    return not load.rows_quarantined or load.contract_version == INBOX[load.kind].version


def _latest_batch(alike: Iterable[InboxFile]) -> date:
    return max(each.batch_date for each in alike if each.batch_date)


def _redated(alike: Sequence[InboxFile], again: InboxFile) -> dict[str, tuple[date, Arrival]]:
    """What changes about the loads of a content that came again: all take a later batch date. The first load takes an
    earlier arrival, because in the order of arrival it would have been this one."""
    batch_date, first = _latest_batch([*alike, again]), min(map(arrival, [*alike, again]))
    if (batch_date, first) == (_latest_batch(alike), min(map(arrival, alike))):
        return {}
    loads = sorted((each for each in alike if each.status == LOADED), key=arrival)
    return {
        load.load_id: (batch_date, first if place == 0 else arrival(load)) for place, load in enumerate(loads)
    }


def arrival(file: InboxFile) -> Arrival:
    return file.received_at, file.source_file, file.version_id


def _known(file: Judged, status: str) -> InboxFile:
    assert file.name is not None
    version = file.version
    return InboxFile(
        source_file=version.key,
        version_id=version.version_id,
        status=status,
        kind=file.name.kind,
        content_hash=file.content_hash,
        batch_date=file.name.batch_date,
        received_at=version.received_at,
        run_id="",
        load_id=version.load_id,
        rows_quarantined=file.rows_rejected,
        contract_version=INBOX[file.name.kind].version,
    )
