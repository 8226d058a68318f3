"""The weekly tidying of the lake's tables: old snapshots, small files, files that nothing names.

heads ─► per table: expire ─► compact ─► all tables: orphans (seen once: listed; seen twice: deleted) ─► report

Each step is one commit of one table or a deletion of what nothing names, so a kill leaves nothing half done. A daily run
at the same time is not in the way: of two commits the second is refused, and that run curates anew, this one waits a week.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from prefect import Task, flow, runtime
from prefect.client.schemas.objects import State
from pydantic import Field

from contracts.catalog import DATASETS
from tasks.errors import DataError, HighwaterError, SystemFault, TransientError
from tasks.lake import lake_tables
from tasks.lake.lake_tables import BRONZE, CURATED, GOLD, ML, QUARANTINE, SILVER
from tasks.maintenance import compaction, expiry, orphans, report
from tasks.maintenance.compaction import Compaction
from tasks.maintenance.expiry import Expiry, Head, Rule
from tasks.maintenance.orphans import Everything, Look
from tasks.maintenance.report import Tidied
from tasks.runs import alerts
from tasks.runs.business_day import scheduled_today
from tasks.runs.endings import ended_badly, notify_of_refusal, stop_external_jobs
from tasks.runs.run import Run, guarded, record
from tasks.step import step
from tasks.warehouse import warehouse_load

NAMESPACES = (CURATED, QUARANTINE, ML, BRONZE, SILVER, GOLD)
_BETWEEN_LOOKS = timedelta(days=1)
KeepDays = Annotated[int, Field(ge=1, description="days for which every snapshot stays")]
KeepSnapshots = Annotated[int, Field(ge=1, description="snapshots of each table that stay, however old")]
OrphanDays = Annotated[int, Field(ge=1, description="days for which an object is nobody's orphan")]


def now() -> datetime:
    return datetime.now(UTC)


def _run_name() -> str:
    return f"lake-maintenance {scheduled_today()}{' (dry)' if runtime.flow_run.parameters.get('dry_run') else ''}"


@flow(
    name="lake-maintenance",
    flow_run_name=_run_name,
    timeout_seconds=8 * 3600,
    persist_result=True,  # what the run returned can be read from any machine
    on_cancellation=[stop_external_jobs],
    on_crashed=[stop_external_jobs],
    on_failure=[notify_of_refusal],
)
def lake_maintenance(
    keep_days: KeepDays = 30,
    orphan_days: OrphanDays = 7,
    keep_snapshots: KeepSnapshots = 5,
    tables: list[str] | None = None,
    dry_run: bool = False,
) -> dict[str, Any] | State[Any]:
    """Expire old snapshots, compact small files, delete what nothing names. Running it again is harmless.

    Args:
        keep_days: Snapshots of the last days stay, and with them the way back to them.
        orphan_days: An object that nothing names is an orphan when it is so old. It is deleted by the second run that
            finds it, at least a day after the first.
        keep_snapshots: So many snapshots of each table stay, however old they are.
        tables: For example curated.sales. Leave empty for all.
        dry_run: Say what would be done, and do nothing. Does not count as a look at orphans.
    """
    try:
        day = scheduled_today()
        rule = Rule(keep_days, keep_snapshots)
        parameters = {**vars(rule), "orphan_days": orphan_days, "tables": tables, "dry_run": dry_run}
        run = Run("lake-maintenance", day, day, parameters)
        with guarded(run):
            known = every_table()
            heads = loaded_heads(run, chosen := choose(known, tables))
            tidied = [tidy(run, table, rule, heads.get(table), dry_run) for table in chosen]
            look_for_orphans(tidied, known, orphan_days, dry_run)
            written = report_on(run, tidied, dry_run)
            require_all(tidied, written)
            return finish(run, tidied, written, dry_run)
    except HighwaterError as error:
        return ended_badly(error)


@step("list tables")
def every_table() -> list[str]:
    return [f"{namespace}.{name}" for namespace in NAMESPACES for name in lake_tables.tables_of(namespace)]


def choose(known: list[str], wanted: list[str] | None) -> list[str]:
    if strange := sorted(set(wanted or ()) - set(known)):
        raise DataError(
            f"no such table: {', '.join(strange)}. Nothing was touched; there are {', '.join(known) or 'none'}."
        )
    return [table for table in known if wanted is None or table in wanted]


@step("what the warehouse holds")
def loaded_heads(run: Run, tables: list[str]) -> dict[str, Head]:
    """Asked before anything is expired: a head only ever moves on from there."""
    found = {}
    with run.session("heads") as connection:
        for table in (t for t in tables if t.startswith(f"{CURATED}.")):
            dataset = dataset_of(table)
            # A table that no contract knows is loaded by somebody else, or by nobody: nothing of it is expired.
            last = warehouse_load.last_loaded(connection, dataset) if dataset else None
            found[table] = Head(last.snapshot_id if last else None)
    return found


def dataset_of(table: str) -> str | None:
    """Of a table that our publications make; others have their own way to write files."""
    namespace, _, name = table.partition(".")
    return name if namespace == CURATED and name in DATASETS else None


def tidy(run: Run, table: str, rule: Rule, head: Head | None, dry_run: bool) -> Tidied:
    tidied = Tidied(table)
    tidied.expiry = _tried(
        tidied, expire.with_options(task_run_name=f"expire {table}"), table, rule, head, dry_run
    )
    if dataset_of(table):
        tidied.compaction = _tried(
            tidied, compact.with_options(task_run_name=f"compact {table}"), table, run.run_id, dry_run
        )
    return tidied


def _tried(tidied: Tidied, tried: Task[..., Any], *arguments: Any) -> Any:
    """A table that fails does not keep the others from their turn."""
    state: Any = tried(*arguments, return_state=True)
    if state.is_completed():
        return state.result()
    error = state.result(raise_on_failure=False)
    tidied.failures.append(f"{tried.name}: {type(error).__name__}: {error}")
    tidied.needs_a_person |= not isinstance(error, TransientError)
    return None


@step("expire")
def expire(table: str, rule: Rule, head: Head | None, dry_run: bool) -> Expiry:
    opened = lake_tables.load(*table.split("."))
    if opened is None:
        return Expiry()
    return (expiry.plan if dry_run else expiry.expire)(opened, rule, head, now())


@step("compact")
def compact(table: str, run_id: str, dry_run: bool) -> Compaction:
    opened = lake_tables.load(*table.split("."))
    if opened is None:
        return Compaction()
    return compaction.planned_only(opened) if dry_run else compaction.compact(opened, run_id)


def look_for_orphans(tidied: list[Tidied], known: list[str], orphan_days: int, dry_run: bool) -> None:
    everything = Everything(known)
    moment = now()
    earlier = {} if dry_run else second_looks([t.table for t in tidied], moment - _BETWEEN_LOOKS)
    before = moment - timedelta(days=orphan_days)
    for t in tidied:
        looking = look.with_options(task_run_name=f"orphans {t.table}")
        t.look = _tried(t, looking, t.table, everything, before, earlier.get(t.table, {}))


@step("orphans of the last look")
def second_looks(tables: list[str], before: datetime) -> dict[str, dict[str, str]]:
    return report.earlier_candidates(tables, before)


@step("orphans")
def look(table: str, everything: Everything, before: datetime, earlier: dict[str, str]) -> Look:
    opened = lake_tables.load(*table.split("."))
    return orphans.look(opened, everything, before, earlier) if opened else Look()


@step("report")
def report_on(run: Run, tidied: list[Tidied], dry_run: bool) -> str | None:
    """Also where tables failed: what was seen of the others is what the next run's second look goes by."""
    report.page(tidied, _told(tidied, dry_run))
    return None if dry_run else report.write(run.run_id, tidied, now())


def _told(tidied: list[Tidied], dry_run: bool) -> str:
    return f"{'would be: ' if dry_run else ''}{report.summary(tidied)}"


def require_all(tidied: list[Tidied], written: str | None) -> None:
    failed = [t for t in tidied if t.failures]
    if not failed:
        return
    kind = SystemFault if any(t.needs_a_person for t in failed) else TransientError
    raise kind(
        f"{len(failed)} of {len(tidied)} tables were not tidied: "
        + " | ".join(f"{t.table}: {'; '.join(t.failures)}" for t in failed)
        + f". What was done is in {written or 'the run'}. Run it again when the cause is fixed; that is harmless."
    )


@step("finish")
def finish(run: Run, tidied: list[Tidied], written: str | None, dry_run: bool) -> dict[str, Any]:
    told = _told(tidied, dry_run)
    record(run, "COMPLETED", told)
    alerts.send("INFO", f"lake-maintenance {run.label}: {told}", run.facts())
    return {"summary": told, "report": written, "tables": {t.table: t.figures() for t in tidied}}
