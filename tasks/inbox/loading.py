"""Load judged files into RAW and STAGE: many files in one transaction, each exactly once.

What becomes of a file is decided inside the transaction, under the write lock, from what MONITORING.INBOX_FILES knows by
then. Of two runs that read the same file, the second finds it settled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from contracts.language.dataset import Dataset
from contracts.retail import INBOX
from tasks.errors import SystemFault
from tasks.events import log
from tasks.inbox import bundles
from tasks.inbox.ending import Ended, ended, record_of
from tasks.inbox.judging import Judged
from tasks.inbox.settling import LOADED, REFUSED, UNCHANGED, Settled, settle
from tasks.inbox.spool import Spool
from tasks.services.snowflake import execute, rows
from tasks.warehouse.warehouse_write import writing
from warehouse import write_lock
from warehouse.columns import Columns
from warehouse.load.retail import files as inbox_files
from warehouse.load.retail import loads as raw
from warehouse.load.retail import stage as retail_stage
from warehouse.load.retail.files import WAITING, InboxFile
from warehouse.load.retail.loads import Load, Redated
from warehouse.load.staging import count_text, stage
from warehouse.statement import Statement

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

_STAGINGS = 2
_SHOWN = 20


@dataclass(frozen=True)
class _Staged:
    """Temporary tables that hold the rows and rejects of files of one kind; None where there are none."""

    rows: str | None
    rejects: str | None


def load(
    connection: SnowflakeConnection, judged: Sequence[Judged], run_id: str, scratch: Path
) -> list[Ended]:
    """Load what is new of the files, and record what became of each of them."""
    files = {kind: [each for each in judged if not each.refusal and each.kind == kind] for kind in INBOX}
    staged = {kind: _stage(connection, INBOX[kind], some, run_id, scratch) for kind, some in files.items()}
    ends = [ended(each, REFUSED, each.refusal) for each in judged if each.refusal]
    with writing(connection, f"inbox load of run {run_id}", lock=write_lock.RETAIL):
        known = _known(connection, judged)
        ends += _withdrawn(judged, known)
        for kind, some in files.items():
            settled = settle(some, known)
            for statement in _changes(INBOX[kind], settled, staged[kind]):
                execute(connection, statement)
            ends += _ends(settled)
        execute(connection, inbox_files.record_files([record_of(each, run_id) for each in ends]))
    bundles.discard(spool for each in judged for spool in (each.rows, each.rejects) if spool)
    _log(ends, run_id)
    return ends


def _known(connection: SnowflakeConnection, judged: Sequence[Judged]) -> list[InboxFile]:
    """What is known of the files' names and contents, of the other names of these contents, and so on to the last.

    A file may change what an earlier one means under any of these names. Mostly the first question finds nothing.
    """
    found: dict[tuple[str, str], InboxFile] = {}
    names = {each.version.key for each in judged}
    contents = {each.content_hash for each in judged if each.content_hash}
    asked_names: set[str] = set()
    asked_contents: set[str] = set()
    while names - asked_names or contents - asked_contents:
        asked = inbox_files.known_files(names - asked_names, contents - asked_contents)
        asked_names |= names
        asked_contents |= contents
        for file in map(inbox_files.known_file, rows(connection, asked)):
            found[file.source_file, file.version_id] = file
            if file.status in (LOADED, UNCHANGED) and file.content_hash:
                names.add(file.source_file)
                contents.add(file.content_hash)
    return list(found.values())


def _stage(
    connection: SnowflakeConnection, dataset: Dataset, files: Sequence[Judged], run_id: str, scratch: Path
) -> _Staged:
    found = {
        "rows": (list(bundles.present(each.rows for each in files)), raw.staged_rows(dataset)),
        "rejects": (list(bundles.present(each.rejects for each in files)), raw.STAGED_REJECTS),
    }
    tables = {}
    for what, (spools, columns) in found.items():
        table = f"RAW.{dataset.name.upper()}_{what.upper()}_STAGE"
        tables[what] = table if spools else None
        if spools:
            addresses = bundles.upload(spools, run_id, f"{dataset.name}-{what}", scratch)
            _copy(connection, table, columns, addresses, spools)
    return _Staged(**tables)


def _copy(
    connection: SnowflakeConnection,
    table: str,
    columns: Columns,
    files: Sequence[str],
    spools: Sequence[Spool],
) -> None:
    """Stage the files and count their rows. Retries once: a COPY whose response was lost may run twice."""
    expected, arrived = sum(spool.rows for spool in spools), -1
    for _ in range(_STAGINGS):
        for statement in stage(table, columns, files):
            execute(connection, statement)
        arrived = int(execute(connection, Statement("count staged rows", count_text(table)))[0])
        if arrived == expected:
            return
    raise SystemFault(
        f"{expected} rows were written for {table}, and {arrived} arrived in the warehouse from {', '.join(files)}; nothing "
        "was loaded. A file was overwritten or truncated: run again."
    )


def _changes(dataset: Dataset, settled: Settled, staged: _Staged) -> list[Statement]:
    """The statements of one kind. Loads that are not new get other dates: their content came again, or a file between."""
    loads = [_load(each, settled) for each in settled.loaded]
    new = {each.load_id for each in loads}
    again = [
        Redated(id_, batch_date, *arrival)
        for id_, (batch_date, arrival) in settled.versions.items()
        if id_ not in new
    ]
    statements = []
    if loads and staged.rows:
        statements.append(raw.insert_rows(dataset, staged.rows, loads))
    if loads and staged.rejects:
        statements.append(raw.insert_quarantined(dataset.name, staged.rejects, loads))
    if loads and staged.rows:
        statements += retail_stage.merge_stage(dataset, sorted(new))
    if again:
        statements += raw.redate(dataset, again)
        statements += retail_stage.restage(dataset, sorted(each.load_id for each in again))
    return statements


def _load(file: Judged, settled: Settled) -> Load:
    version = file.version
    batch_date, (received_at, source_file, version_id) = settled.versions[version.load_id]
    return Load(
        load_id=version.load_id,
        source_file=source_file,
        version_id=version_id,
        file_hash=file.file_hash,
        batch_date=batch_date,
        received_at=received_at,
    )


def _ends(settled: Settled) -> list[Ended]:
    return [
        *(ended(each, LOADED, _told(each)) for each in settled.loaded),
        *(
            ended(each, UNCHANGED, f"the same content was loaded as {same.source_file}: nothing to load")
            for each, same in settled.unchanged
        ),
        *(ended(each, same.status, same.message) for each, same in settled.already),
    ]


def _withdrawn(judged: Sequence[Judged], known: Sequence[InboxFile]) -> list[Ended]:
    """The end of versions that were gone before they were read, and that no other run has ended and moved."""
    waiting = {(file.source_file, file.version_id) for file in known if file.status == WAITING}
    return [
        ended(each, REFUSED, f"{each.version.key}: this version was deleted before it was read")
        for each in judged
        if each.is_gone and (each.version.key, each.version.version_id) in waiting
    ]


def _told(file: Judged) -> str | None:
    """What a reader of a loaded file should know. Of ignored columns the names and no values, which may be personal."""
    extra, doubts = file.found.get("extra_columns", []), file.found.get("doubts", [])
    more = f" and {len(extra) - _SHOWN} others" if len(extra) > _SHOWN else ""
    ignored = [f"extra columns ignored: {', '.join(extra[:_SHOWN])}{more}"] if extra else []
    return "; ".join([*ignored, *doubts]) or None


def _log(ends: Sequence[Ended], run_id: str) -> None:
    for each in ends:
        log("inbox file", file=each.version.key, status=each.status, rows=each.rows_loaded, run=run_id)
