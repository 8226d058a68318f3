"""Compute a layer with its Glue job, judge what was computed, and publish it: a commit for each table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.errors import StaleResult
from tasks.events import log
from tasks.jobs import external_jobs, glue
from tasks.lake import lake_commits
from tasks.lake.lake_commits import Commit
from tasks.medallion.checking import Check, judged, require
from tasks.medallion.layers import Layer
from tasks.medallion.planning import Plan
from tasks.runs.run import Run
from tasks.services import objects

_PLANS = 5


@dataclass(frozen=True)
class Built:
    """What a run made of a layer. `tables` is empty if all were up to date."""

    layer: str
    tables: Mapping[str, Mapping[str, Any]]
    checks: Sequence[Check] = ()
    job_run_id: str | None = None
    figures: Mapping[str, Any] | None = None

    @property
    def rows_changed(self) -> int:
        return sum(table["rows_added"] + table["rows_removed"] for table in self.tables.values())


def build(
    run: Run, layer: Layer, parameters: Callable[[], Mapping[str, Any]] = dict, *, is_rebuild: bool = False
) -> Built:
    """Bring a layer up to date. If another run published meanwhile, plan again on top of it."""
    for _ in range(_PLANS - 1):
        plan = Plan.of(layer, parameters(), is_rebuild=is_rebuild)
        try:
            return _built(run, plan)
        except StaleResult as stale:
            log("another run published first, computing again", layer=layer.name, why=stale)
    return _built(run, Plan.of(layer, parameters(), is_rebuild=is_rebuild))


def _built(run: Run, plan: Plan) -> Built:
    if plan.is_empty or not plan.behind:
        return Built(plan.layer.name, {})
    entry = external_jobs.run(
        glue.KIND,
        plan.layer.job,
        f"{plan.layer.name}/{plan.key}",
        lambda attempt: plan.request(attempt, run.run_id),
        run.owner,
    )
    figures = objects.read_json(f"{glue.written_by(entry, plan.figures(entry.attempt))}/figures.json")
    checks = judged(run, plan.layer, figures["checks"])
    require(checks, run.run_id)
    made = {table: figures["tables"][table] for table in plan.behind}
    for table, written in made.items():
        _publish(run, plan, table, written)
    return Built(plan.layer.name, made, checks, entry.external_id, figures)


def _publish(run: Run, plan: Plan, table: str, written: Mapping[str, Any]) -> None:
    """Commit what differs. A commit without a difference notes how far the table is."""
    lake_commits.publish(
        plan.layer.name,
        table,
        plan.location(table),
        Commit(
            work=plan.work(table),
            run_id=run.run_id,
            raw_dates=(),
            contract_version=plan.layer.contracts[table].version,
            added=tuple(written["added"]),
            removed=tuple(written["removed"]),
            notes={**plan.notes(table), "profile": written.get("profile", "")},
        ),
        plan.base(table),
    )
