"""What becomes of each file: loaded, unchanged or refused. Pure: from the files and what MONITORING.INBOX_FILES knows.

Files may be processed in any order: the rows get the versions that they would have in the order of arrival.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from contracts.retail import INBOX
from tasks.inbox.judging import Judged
from tasks.inbox.waiting import Arrival
from warehouse.load.retail.files import InboxFile

LOADED, UNCHANGED, REFUSED = "loaded", "unchanged", "refused"
_Content = tuple[str | None, str | None]
"""The kind and the hash."""


@dataclass
class Settled:
    """What becomes of files of one kind. `already`: another run settled them meanwhile.

    `versions` has, for each load whose rows get or change them, the batch date and the arrival of the rows. Loads of earlier
    files are among them.
    """

    loaded: list[Judged] = field(default_factory=list)
    unchanged: list[tuple[Judged, InboxFile]] = field(default_factory=list)
    already: list[tuple[Judged, InboxFile]] = field(default_factory=list)
    versions: dict[str, tuple[date, Arrival]] = field(default_factory=dict)


def settle(judged: Sequence[Judged], known: Iterable[InboxFile]) -> Settled:
    """Decide about files that are not refused. A file that another run settled meanwhile stays as it is."""
    seen = [each for each in known if each.status in (LOADED, UNCHANGED)]
    done = {(each.source_file, each.version_id): each for each in seen}
    before = _versions(seen)
    settled = Settled()
    for file in sorted(judged, key=lambda each: each.version.arrival):
        if earlier := done.get((file.version.key, file.version.version_id)):
            settled.already.append((file, earlier))
            continue
        entry = _entry(file)
        loads = [each for each in seen if each.status == LOADED]
        own = [
            each for each in loads if each.source_file == entry.source_file and arrival(each) < arrival(entry)
        ]
        alike = [each for each in loads if _content(each) == _content(entry)]
        same = _same(entry, max(own, key=arrival, default=None), alike)
        if same is None:
            settled.loaded.append(file)
        else:
            settled.unchanged.append((file, same))
        seen.append(replace(entry, status=UNCHANGED if same else LOADED))
    settled.versions = {id_: each for id_, each in _versions(seen).items() if each != before.get(id_)}
    return settled


def _content(file: InboxFile) -> _Content:
    return file.kind, file.content_hash


def _same(file: InboxFile, newest: InboxFile | None, alike: Iterable[InboxFile]) -> InboxFile | None:
    """Of the loads of the file's content, one that serves for it: the newest of its own name, or any of another name.

    Not one of which an older contract refused rows: today's may judge them otherwise.
    """
    for load in alike:
        stands = not load.rows_quarantined or load.contract_version == file.contract_version
        if stands and (load is newest or load.source_file != file.source_file):
            return load
    return None


def _versions(files: Iterable[InboxFile]) -> dict[str, tuple[date, Arrival]]:
    """The batch date and the arrival of the rows of each load, whichever file was processed first.

    All rows of a content have its latest batch date. Their arrivals are those that they would have, had each file been
    processed when it arrived: of A, B, A the second A comes after B even if only the first was loaded. A content may have
    more loads than that, and some then share an arrival: their rows are the same.
    """
    files = sorted(files, key=arrival)
    arrivals, batch_dates = _arrivals(files), _latest_batch_dates(files)
    loads: defaultdict[_Content, list[InboxFile]] = defaultdict(list)
    for file in files:
        if file.status == LOADED:
            loads[_content(file)].append(file)
    return {
        load.load_id: (batch_dates[content], arrivals[content][max(-place, -len(arrivals[content]))])
        for content, alike in loads.items()
        for place, load in enumerate(reversed(alike), start=1)
    }


def _arrivals(files: Iterable[InboxFile]) -> Mapping[_Content, list[Arrival]]:
    """The arrivals that would load each content, if the files were processed in this order, that of their arrival."""
    newest: dict[str, InboxFile] = {}
    loads: defaultdict[_Content, list[InboxFile]] = defaultdict(list)
    for file in files:
        alike = loads[_content(file)]
        if _same(file, newest.get(file.source_file), alike) is None:
            newest[file.source_file] = file
            alike.append(file)
    return {content: [arrival(each) for each in alike] for content, alike in loads.items()}


def _latest_batch_dates(files: Iterable[InboxFile]) -> Mapping[_Content, date]:
    latest: dict[_Content, date] = {}
    for file in files:
        assert file.batch_date is not None
        latest[_content(file)] = max(file.batch_date, latest.get(_content(file), file.batch_date))
    return latest


def arrival(file: InboxFile) -> Arrival:
    return file.received_at, file.source_file, file.version_id


def _entry(file: Judged) -> InboxFile:
    assert file.name is not None
    version = file.version
    return InboxFile(
        source_file=version.key,
        version_id=version.version_id,
        status=LOADED,
        kind=file.name.kind,
        content_hash=file.content_hash,
        batch_date=file.name.batch_date,
        received_at=version.received_at,
        run_id="",
        load_id=version.load_id,
        rows_quarantined=file.rows_rejected,
        contract_version=INBOX[file.name.kind].version,
    )
