"""The checks of a run: what is counted, against which limit, and which of them keep the merge from happening."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from contracts.language.dataset import Dataset
from contracts.marketing.clickstream import CLICKSTREAM
from contracts.marketing.demographics import DEMOGRAPHICS
from tasks.errors import BusinessError, Severity
from tasks.marketing.reading import Judged
from tasks.publishing.quality import Finding

LEAST_SHARE = 0.5
"""Of the rows that the delivery before had. A snapshot with fewer has probably been cut off."""
_SHOWN = 20
_OF_OUR_MAKING = frozenset({"reconciled", "staged", "unique", "merged"})
_ALWAYS_CRITICAL = _OF_OUR_MAKING | {"files_refused"}
_CRITICAL_OF_SNAPSHOTS = frozenset({"row_count", "row_count_ratio"})
_SEND_AGAIN = (
    "Have the files delivered again, whole, then run the date again. A snapshot that is rightly that small: run it with "
    "accept_drop."
)
_REPORT = (
    "Another delivery does not mend this: it is a fault of the pipeline. Report it with the id of the run."
)


class CriticalCheck(BusinessError):
    """A check failed without which nothing may be merged."""

    severity: ClassVar[Severity] = "CRITICAL"


class DeliveryRefused(CriticalCheck):
    """It is the delivery that failed, not the pipeline: another one may pass."""


def is_critical(finding: Finding) -> bool:
    of_snapshot = finding.dataset == DEMOGRAPHICS.table and finding.metric in _CRITICAL_OF_SNAPSHOTS
    return of_snapshot or finding.metric in _ALWAYS_CRITICAL


def of_files(judged: Judged, rows_before: int | None, accept_drop: bool = False) -> list[Finding]:
    """What can be told before anything is merged. `rows_before`: of the delivery before; None if there was none."""
    limits = dataset_of(judged.dataset).thresholds
    repeats_max = limits.duplicate_rate_max
    return [
        _counted(judged, "files_refused", len(judged.refusals), 0, len(judged.refusals) == 0),
        _counted(judged, "row_count", judged.rows, 1, judged.rows >= 1),
        *_against_before(judged, rows_before, accept_drop),
        *_nulls(judged, limits.null_rate_max),
        *_uncast(judged),
        _rate(judged, "duplicate_rate", judged.repeated, repeats_max),
        _rate(judged, "rejected_rate", judged.quarantined - judged.repeated, limits.rejected_rate_max),
        _reconciled(judged),
    ]


def dataset_of(table: str) -> Dataset:
    return {each.table: each for each in (DEMOGRAPHICS, CLICKSTREAM)}[table]


def _against_before(judged: Judged, rows_before: int | None, accept_drop: bool) -> list[Finding]:
    if not rows_before:
        return []
    least = 0.0 if accept_drop else LEAST_SHARE
    ratio = judged.rows / rows_before
    detail = f"{judged.rows:,} rows, {rows_before:,} in the delivery before"
    return [Finding(judged.dataset, judged.day, "row_count_ratio", ratio, least, ratio >= least, detail)]


def _nulls(judged: Judged, limit: float) -> list[Finding]:
    """Of a required column the rows that were quarantined for it; of an optional one the nulls among the good rows."""
    dataset, found = dataset_of(judged.dataset), []
    for column in dataset.columns:
        missing = judged.rejects.reasons[f"{column.name}:missing"]
        nulls = missing if column.required else judged.nulls[column.name]
        found.append(_rate(judged, f"null_rate.{column.name}", nulls, limit if column.required else 1.0))
    return found


def _uncast(judged: Judged) -> list[Finding]:
    """Optional values that are not of their kind, which became null. Told, but never a failure."""
    return [
        _rate(judged, f"uncast_rate.{name}", values, 1.0)
        for name, values in sorted(judged.uncast.items())
        if values
    ]


def _reconciled(judged: Judged) -> Finding:
    read = [file for file in judged.files if not file.refusal]
    adds_up = (
        all(file.balances for file in read)
        and sum(file.rows for file in read) == judged.rows
        and sum(file.quarantined for file in read) == judged.quarantined
    )
    detail = "" if adds_up else "records = header lines + rows + quarantined + blank lines does not hold"
    return Finding(judged.dataset, judged.day, "reconciled", float(adds_up), 1.0, adds_up, detail)


def _rate(judged: Judged, metric: str, rows: int, limit: float) -> Finding:
    rate = rows / judged.raw if judged.raw else 0.0
    return Finding(judged.dataset, judged.day, metric, rate, limit, rate <= limit)


def _counted(judged: Judged, metric: str, value: int, limit: int, passed: bool) -> Finding:
    detail = " | ".join(judged.refusals[:_SHOWN]) if metric == "files_refused" else ""
    return Finding(judged.dataset, judged.day, metric, value, limit, passed, detail)


def suspicious(findings: Iterable[Finding]) -> list[Finding]:
    """Failed checks that people are told of and that stop nothing."""
    return [finding for finding in findings if not finding.passed and not is_critical(finding)]


def require(findings: Iterable[Finding], run_id: str) -> None:
    """Raise CriticalCheck that lists every critical check that failed."""
    failed: Sequence[Finding] = [each for each in findings if not each.passed and is_critical(each)]
    if failed:
        lines = "\n".join(f"- {finding}" for finding in failed[:_SHOWN])
        is_ours = any(finding.metric in _OF_OUR_MAKING for finding in failed)
        raise (CriticalCheck if is_ours else DeliveryRefused)(
            f"{len(failed)} critical check(s) failed; nothing of run {run_id} was merged and the tables hold what they "
            f"held:\n{lines}\n{_REPORT if is_ours else _SEND_AGAIN}"
        )
