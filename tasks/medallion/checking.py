"""The checks of a layer: rows amiss by metric, and which of them keep the layer from being published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from tasks.errors import BusinessError, Severity
from tasks.medallion.layers import Layer
from tasks.publishing import quality
from tasks.publishing.quality import Finding
from tasks.runs import monitoring
from tasks.runs.monitoring import QualityRecord
from tasks.runs.run import Run

Level = Literal["CRITICAL", "WARNING", "INFO"]
_LEVELS: Mapping[str, Level] = {"waiting": "INFO"}
"""All others are critical: the rows break what the layer promises."""


class CriticalCheck(BusinessError):
    """A check failed without which nothing may be published."""

    severity: ClassVar[Severity] = "CRITICAL"


@dataclass(frozen=True)
class Check:
    finding: Finding
    level: Level

    def row(self) -> dict[str, Any]:
        found = self.finding
        return {
            "table": found.dataset,
            "check": found.metric,
            "level": self.level,
            "value": found.value,
            "limit": found.threshold,
            "passed": "yes" if found.passed else "no",
            "detail": found.detail,
        }


def judged(run: Run, layer: Layer, found: Iterable[Mapping[str, Any]]) -> list[Check]:
    """The job's figures as checks, recorded in DQ_RESULTS before anything depends on them."""
    return record(run, [_check(run, layer, each) for each in found])


def record(run: Run, checks: list[Check]) -> list[Check]:
    with run.session("record checks") as connection:
        monitoring.record_quality(connection, [_record(run, check) for check in checks])
    quality.emit([check.finding for check in checks])
    return checks


def require(checks: Sequence[Check], run_id: str) -> None:
    """Raise CriticalCheck that lists every critical check that failed."""
    failed = [check.finding for check in checks if check.level == "CRITICAL" and not check.finding.passed]
    if failed:
        lines = "\n".join(f"- {finding}" for finding in failed)
        raise CriticalCheck(
            f"{len(failed)} critical check(s) failed; nothing of run {run_id} was published and the tables hold what they "
            f"held:\n{lines}\nIt is a fault of the pipeline: report it with the id of the run."
        )


def _check(run: Run, layer: Layer, found: Mapping[str, Any]) -> Check:
    level = _LEVELS.get(found["metric"], "CRITICAL")
    value, passed = float(found["value"]), level == "INFO" or not found["value"]
    detail = f"{found['value']:,} of {found['rows']:,} rows" if found["value"] else ""
    name = f"{layer.name}.{found['table']}"
    return Check(Finding(name, run.last, found["metric"], value, 0.0, passed, detail), level)


def _record(run: Run, check: Check) -> QualityRecord:
    found = check.finding
    return QualityRecord(
        *(
            run.run_id,
            found.run_date,
            found.dataset,
            found.metric,
            found.value,
            found.threshold,
            found.passed,
        ),
        level=check.level,
    )
