"""The audit: compute quality figures from the data and check them against limits before the rows become visible.

Each raw date is judged separately, so that a backfill and a daily run reach the same verdict for the same day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field, model_validator

from contracts.catalog import contract
from contracts.language.dataset import FIRST_DOMAIN, Dataset, Rule
from contracts.language.nested import is_nested
from contracts.language.rules import keeps
from deployments import names
from tasks.errors import BusinessError, aws_failures
from tasks.intake.rules import delivery, rules_of
from tasks.lake.footers import Footer, read_footer
from tasks.publishing.curated import Counts, Curated
from tasks.services import aws, objects

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import MetricDatumTypeDef

_METRICS_PER_CALL = 500
_FOOTERS_AT_ONCE = 16
_MAX_COMPLAINTS = 5
_RULES_CHECKED_BY_MIN_MAX = ("allowed", "future", "too_old", "range")


class Limits(BaseModel):
    """The limits that one dataset's slice of a day must meet to be published."""

    row_count_min: int = Field(ge=0, description="minimum number of raw rows in the slice")
    null_rate_max: float = Field(ge=0, le=1, description="maximum share of nulls in any required column")
    duplicate_rate_max: float = Field(ge=0, le=1, description="maximum share of exact duplicates")
    rejected_rate_max: float = Field(ge=0, le=1, description="maximum share of rows sent to quarantine")
    superseded_rate_max: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="maximum share of rows superseded by another row of the same key and raw date",
    )


def _of_contract(dataset: str) -> Limits:
    limits = contract(dataset).thresholds
    return Limits(
        row_count_min=limits.row_count_min,
        null_rate_max=limits.null_rate_max,
        duplicate_rate_max=limits.duplicate_rate_max,
        rejected_rate_max=limits.rejected_rate_max,
        superseded_rate_max=limits.superseded_rate_max,
    )


def _limits(dataset: str, description: str) -> Any:
    return Field(default_factory=lambda: _of_contract(dataset), description=description)


class Quality(BaseModel):
    """The audit's limits by source; the defaults are those of the contracts."""

    sales: Limits = _limits("sales", "limits for sales orders")
    inventory: Limits = _limits("inventory", "limits for inventory snapshots")
    market: Limits = _limits("market", "limits for market share weeks")
    promotions: Limits = _limits("promotions", "limits for the promotion calendar")
    masters: Limits = _limits("sku", "limits for SKU, geography and customer masters")

    @model_validator(mode="before")
    @classmethod
    def _over_the_contracts(cls, given: Any) -> Any:
        """Fill in limits that were not given from the source's contract."""
        if not isinstance(given, Mapping):
            return given
        known = cls.model_fields.keys() & given.keys()
        partly = {name: given[name] for name in known if isinstance(given[name], Mapping)}
        return {**given, **{name: getattr(cls(), name).model_dump() | dict(partly[name]) for name in partly}}

    def of(self, dataset: str) -> Limits:
        """The limits of the dataset's source if this form has that source, otherwise those of its contract."""
        source = delivery(dataset).source
        is_known = contract(dataset).domain == FIRST_DOMAIN and source in type(self).model_fields
        return getattr(self, source) if is_known else _of_contract(dataset)


@dataclass(frozen=True)
class Finding:
    """One figure of one dataset and raw date, with its limit and verdict."""

    dataset: str
    run_date: date
    metric: str
    value: float
    threshold: float
    passed: bool
    detail: str = ""

    def __str__(self) -> str:
        verdict = "ok" if self.passed else "FAILED"
        figure = f"{self.dataset} {self.run_date} {self.metric} = {self.value:.6g} (limit {self.threshold:g}) {verdict}"
        return f"{figure}: {self.detail}" if self.detail else figure


def audit(curated: Curated, limits: Limits) -> list[Finding]:
    delivered = Counter[date]()
    for file in curated.slice.inputs:
        delivered[file.raw_date] += file.rows
    return [
        finding
        for day, counts in curated.by_date.items()
        for finding in _judge(curated.dataset, day, counts, delivered[day], limits)
    ]


def _judge(dataset: str, day: date, counts: Counts, delivered: int, limits: Limits) -> list[Finding]:
    def at_most(metric: str, rows: int, limit: float) -> Finding:
        rate = rows / counts.rows_raw if counts.rows_raw else 0.0
        return Finding(dataset, day, metric, rate, limit, rate <= limit)

    # The files' footers counted the rows before the job saw them.
    reconciled = counts.balances() and counts.rows_raw == delivered
    return [
        Finding(
            dataset,
            day,
            "row_count",
            counts.rows_raw,
            limits.row_count_min,
            counts.rows_raw >= limits.row_count_min,
        ),
        *(
            at_most(f"null_rate.{column}", nulls, limits.null_rate_max)
            for column, nulls in sorted(counts.nulls.items())
        ),
        at_most("duplicate_rate", counts.repeats, limits.duplicate_rate_max),
        at_most("rejected_rate", counts.rows_quarantined, limits.rejected_rate_max),
        at_most("superseded_rate", counts.outdone, limits.superseded_rate_max),
        Finding(dataset, day, "reconciled", float(reconciled), 1.0, reconciled),
    ]


def uncast(curated: Curated) -> list[Finding]:
    """The share of optional values that became null because they could not be cast. Reported, but never a failure."""
    rows = curated.total.rows_raw
    return [
        Finding(curated.dataset, max(curated.by_date), f"uncast_rate.{column}", values / rows, 1.0, True)
        for column, values in sorted(curated.uncast.items())
        if values
    ]


def contract_kept(curated: Curated) -> Finding:
    """Check the job's output against the contract and the job's figures, independently of the job.

    Uses the Parquet statistics of the files: every column exists, no required column has nulls, no file's minimum or
    maximum breaks a rule, and each folder holds as many rows as the job reported. For an unchanged slice the job wrote
    nothing; its rows were checked when they were published.
    """
    complaints = list(_complaints(curated)) if curated.output else []
    return Finding(
        curated.dataset,
        max(curated.by_date),
        "contract_valid",
        float(not complaints),
        1.0,
        not complaints,
        "; ".join(complaints[:_MAX_COMPLAINTS]),
    )


def _complaints(curated: Curated) -> Iterator[str]:
    dataset = rules_of(curated.dataset)
    published = f"{curated.output}/published/"
    expected_rows = {
        published: curated.rows_written,
        f"{curated.output}/survivors/": curated.rows_survivors,
        f"{curated.quarantine}/": curated.total.rows_quarantined,
    }
    if dataset.load_sees_quarantine:
        expected_rows[f"{curated.output}/sightings/"] = curated.total.rows_quarantined
    for folder, expected in expected_rows.items():
        rows = 0
        for address, footer in _footers(folder):
            rows += footer.rows
            if folder == published:
                yield from (f"{address}: {complaint}" for complaint in _broken(dataset, footer))
        if rows != expected:
            yield f"{folder} holds {rows} rows, the job's figures say {expected}"


def _footers(folder: str) -> Iterator[tuple[str, Footer]]:
    files = [file for file in objects.listed(folder) if file.key.endswith(".parquet")]
    with ThreadPoolExecutor(_FOOTERS_AT_ONCE) as pool:
        footers = pool.map(lambda file: read_footer(file.address, file.size), files)
        yield from zip((file.address for file in files), footers, strict=True)


def _broken(dataset: Dataset, footer: Footer) -> Iterator[str]:
    for column in dataset.columns:
        if column.name not in footer.schema.names:
            yield f"{column.name} is missing"
            continue
        if is_nested(column.kind):
            continue  # a file's statistics tell of what is inside: an empty array counts as a null
        if column.required and (nulls := footer.nulls.get(column.name, footer.rows)):
            yield f"{column.name} has {nulls} nulls"
        values = footer.extremes(column.name) or ()
        for rule in column.rules:
            limits = footer.extremes(rule.limit) if rule.limit else None
            if not _can_check(rule, limits):
                continue
            minimum, maximum = limits or (None, None)
            for value in values:
                if not _keeps(rule, value, minimum if rule.name == "too_old" else maximum):
                    yield f"{column.name} holds {value}, which breaks the rule {rule.name!r}"


def _keeps(rule: Rule, value: Any, limit: Any) -> bool:
    """Whether the value keeps the rule. A value of the wrong type never does."""
    try:
        return keeps(rule, value, limit)
    except TypeError:
        return False


def _can_check(rule: Rule, limits: tuple[Any, Any] | None) -> bool:
    """Whether a file's minimum and maximum can show a breach. They cannot for lengths, patterns and Mondays; a rule
    against another column needs that column's minimum and maximum too."""
    return rule.name in _RULES_CHECKED_BY_MIN_MAX and (rule.limit is None or limits is not None)


def require(findings: Iterable[Finding], run_id: str) -> None:
    """Raise BusinessError that lists every failed figure."""
    failed = [finding for finding in findings if not finding.passed]
    if failed:
        lines = "\n".join(f"- {finding}" for finding in failed[:50])
        raise BusinessError(
            f"the audit failed in {len(failed)} figure(s); nothing of run {run_id} was published:\n{lines}\n"
            "Look at the rows in quarantine.<dataset>; have the source fix them or, if the data is correct, relax the limit "
            "in the run's parameters."
        )


def emit(findings: Iterable[Finding]) -> None:
    """Send each figure to CloudWatch, where the alarms are, in batches: a long backfill has tens of thousands."""
    remaining = iter(findings)
    with aws_failures(f"sending quality figures to CloudWatch {names.QUALITY_NAMESPACE}"):
        while batch := [_datum(finding) for finding in islice(remaining, _METRICS_PER_CALL)]:
            aws.cloudwatch().put_metric_data(Namespace=names.QUALITY_NAMESPACE, MetricData=batch)


def _datum(finding: Finding) -> MetricDatumTypeDef:
    return {
        "MetricName": finding.metric,
        "Dimensions": [{"Name": "Dataset", "Value": finding.dataset}],
        "Value": finding.value,
        "Unit": "Count" if finding.metric == "row_count" else "None",
    }
