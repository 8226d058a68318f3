"""The Snowflake medallion: what changed in a source as it was (bronze), cleaned with its history (silver), summed up (gold).

entities ─► extract (window by watermark ─► bronze, quarantine ─► watermark) ─► silver ─► gold ─► marts ─► finish

An entity that fails does not stop the others. Its watermark stays where it was, and the next run tries again. Silver and
gold are functions of what lies below them, so a run computes whatever is behind, also what an earlier run left.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from prefect import flow, runtime
from prefect.client.schemas.objects import State

from tasks.errors import DataError, HighwaterError, Severity
from tasks.extraction.extracted import Extracted
from tasks.extraction.extraction_page import NOTHING, page, summary
from tasks.extraction.extraction_steps import attempted, worst
from tasks.extraction.source import Source, load
from tasks.medallion import bronze_checks, checking
from tasks.medallion.building import Built
from tasks.medallion.layers_page import summary as layer_summary
from tasks.medallion.medallion_steps import MARTS, build_gold, build_silver, load_mart
from tasks.runs import alerts
from tasks.runs.business_day import scheduled_today
from tasks.runs.endings import ended_badly, notify_of_refusal, stop_external_jobs
from tasks.runs.run import Run, guarded, record
from tasks.settings import settings
from tasks.step import step

Stage = Literal["extract", "silver", "gold"]


def _run_name() -> str:
    entities = runtime.flow_run.parameters.get("entities")
    return f"snowflake-medallion {', '.join(entities) if entities else 'all entities'}"


@flow(
    name="snowflake-medallion",
    flow_run_name=_run_name,
    timeout_seconds=4 * 3600,
    persist_result=True,  # what the run returned can be read from any machine
    on_cancellation=[stop_external_jobs],
    on_crashed=[stop_external_jobs],
    on_failure=[notify_of_refusal],
)
def snowflake_medallion(
    entities: list[str] | None = None,
    stages: list[Stage] | None = None,
    overrides: dict[str, dict[str, Any]] | None = None,
    rebuild: bool = False,
) -> dict[str, Any] | State[Any]:
    """Extract what changed in the source since the last run, and bring silver and gold up to date. Harmless to repeat.

    Args:
        entities: The entities to extract, such as orders. Leave empty for all. Silver takes whatever is new in bronze.
        stages: Any of extract, silver, gold. Leave empty for all.
        overrides: Settings of single entities in place of those in deployments/extraction/shop.yaml, such as
            {"orders": {"batches_max": 1}}.
        rebuild: Compute silver and gold anew from all of bronze, and not only what changed.
    """
    try:
        source = load(settings().extraction / "shop.yaml", overrides)
        chosen = source.chosen(entities)
        asked = stages or list(get_args(Stage))
        if rebuild and not {"silver", "gold"} & {*asked}:
            raise DataError(
                "rebuild computes silver and gold anew: have one of them among the stages. Nothing was done."
            )
        day = scheduled_today()
        parameters = {"entities": entities, "stages": stages, "overrides": overrides, "rebuild": rebuild}
        run = Run("snowflake-medallion", day, day, parameters)
        with guarded(run):
            ended = {entity.name: attempted(run, source, entity) for entity in chosen if "extract" in asked}
            failed = {name: each for name, each in ended.items() if isinstance(each, HighwaterError)}
            found = [each for each in ended.values() if isinstance(each, Extracted)]
            built = build_layers(run, asked, rebuild, failed)
            done = finish(run, source, found, built, {name: str(each) for name, each in failed.items()})
            if failed:
                raise worst(list(failed.values()), done["summary"])
            return done
    except HighwaterError as error:
        return ended_badly(error)


def build_layers(
    run: Run, asked: list[Stage], rebuild: bool, failed: dict[str, HighwaterError]
) -> list[Built]:
    """Silver, then gold and its marts. What fails is noted in `failed`, and stops what builds on it."""
    built: list[Built] = []
    try:
        if "silver" in asked:
            built.append(build_silver(run, rebuild))
        if "gold" in asked:
            built.append(build_gold(run, rebuild))
            for table in MARTS:
                load_mart.with_options(task_run_name=f"load {table}")(run, table)
    except HighwaterError as error:
        failed["silver and gold"] = error
    return built


@step("finish")
def finish(
    run: Run, source: Source, found: list[Extracted], built: list[Built], failed: dict[str, str]
) -> dict[str, Any]:
    told = _told(found, built)
    figures = {
        "rows_raw": sum(each.rows_added + each.rows_quarantined for each in found),
        "rows_published": sum(each.rows_added for each in found),
        "rows_superseded": 0,
        "rows_quarantined": sum(each.rows_quarantined for each in found),
    }
    page(source, found, failed)
    checked = bronze_checks.checks(run.last, found)
    checking.record(run, checked)
    warnings = bronze_checks.failed(checked)
    notes = [*(f"{each.entity}: {note}" for each in found for note in each.notes), *warnings]
    if not failed:
        jobs = [each.job_run_id for each in built if each.job_run_id]
        record(run, "COMPLETED", "; ".join([told, *notes]), figures, jobs)
        severity: Severity = "WARNING" if warnings else "INFO"
        alerts.send(severity, f"snowflake-medallion: {'; '.join([told, *warnings])}", run.facts())
    return {
        "summary": told,
        "notes": notes,
        **figures,
        "entities": {each.entity: vars(each) for each in found},
        "layers": {
            each.layer: {name: rows_of(table) for name, table in each.tables.items()} for each in built
        },
    }


def rows_of(table: Mapping[str, Any]) -> dict[str, int]:
    return {name: figure for name, figure in table.items() if name.startswith("rows_")}


def _told(found: list[Extracted], built: list[Built]) -> str:
    """What changed, in a sentence."""
    layers = [layer_summary(each) for each in built if each.rows_changed]
    extracted = summary(found)
    return "; ".join([extracted, *layers]) if extracted != NOTHING or not layers else "; ".join(layers)
