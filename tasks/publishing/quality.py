"""The audit: figures computed from the data, held against limits, before anybody can see the rows.

Each raw date is judged by itself, so that a backfill and a daily run say the same of the same day.
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
from contracts.language.rules import keeps
from tasks.errors import BusinessError, aws_failures
from tasks.intake.rules import delivery, rules_of
from tasks.lake.footers import Footer, read_footer
from tasks.publishing.curation import Counts, Curated
from tasks.services import aws, objects

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import MetricDatumTypeDef

NAMESPACE = "Highwater/DataQuality"
_METRICS_PER_CALL = 500
_FOOTERS_AT_ONCE = 16
_COMPLAINTS_MOST = 5
_OF_EXTREMES = ("allowed", "future", "too_old", "range")


class Limits(BaseModel):
    """What one dataset's slice of a day must keep to be published."""

    row_count_min: int = Field(ge=0, description="fewest raw rows in the slice")
    null_rate_max: float = Field(ge=0, le=1, description="largest share of nulls in any required column")
    duplicate_rate_max: float = Field(ge=0, le=1, description="largest share of exact repeats")
    rejected_rate_max: float = Field(ge=0, le=1, description="largest share of rows sent to quarantine")
    superseded_rate_max: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="largest share of rows that another row of the same key and raw date supersedes",
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
        """Some of a source's limits are enough: the others are its contract's."""
        if not isinstance(given, Mapping):
            return given
        known = cls.model_fields.keys() & given.keys()
        partly = {name: given[name] for name in known if isinstance(given[name], Mapping)}
        return {**given, **{name: getattr(cls(), name).model_dump() | dict(partly[name]) for name in partly}}

    def of(self, dataset: str) -> Limits:
        """Those of its source where the form has them; of a dataset that the form does not know, its contract's."""
        source = delivery(dataset).source
        is_known = contract(dataset).domain == FIRST_DOMAIN and source in type(self).model_fields
        return getattr(self, source) if is_known else _of_contract(dataset)


@dataclass(frozen=True)
class Finding:
    """One figure of one dataset and raw date, held against its limit."""

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
    """Values of optional columns that became null because they do not cast: no reason to refuse, but to be told of."""
    rows = curated.total.rows_raw
    return [
        Finding(curated.dataset, max(curated.by_date), f"uncast_rate.{column}", values / rows, 1.0, True)
        for column, values in sorted(curated.uncast.items())
        if values
    ]


def contract_kept(curated: Curated) -> Finding:
    """What is about to be published, held against its contract and the job's figures without the job's word for it.

    The files' own statistics tell: every column is there, no required one has a null, no file's least or greatest value
    breaks a rule of its column, and published, survivors and quarantined hold as many rows as the job says. Where the slice
    is unchanged the job wrote nothing: what is published was held against its contract when it was.
    """
    complaints = list(_complaints(curated)) if curated.output else []
    return Finding(
        curated.dataset,
        max(curated.by_date),
        "contract_valid",
        float(not complaints),
        1.0,
        not complaints,
        "; ".join(complaints[:_COMPLAINTS_MOST]),
    )


def _complaints(curated: Curated) -> Iterator[str]:
    dataset = rules_of(curated.dataset)
    told = {
        "published": curated.rows_written,
        "survivors": curated.rows_survivors,
        "quarantined": curated.total.rows_quarantined,
    }
    for folder, wanted in told.items():
        rows = 0
        for address, footer in _footers(f"{curated.output}/{folder}/"):
            rows += footer.rows
            if folder == "published":
                yield from (f"{address}: {complaint}" for complaint in _broken(dataset, footer))
        if rows != wanted:
            yield f"{curated.output}/{folder}/ holds {rows} rows, the job's figures say {wanted}"


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
        if column.required and (nulls := footer.nulls.get(column.name, footer.rows)):
            yield f"{column.name} has {nulls} nulls"
        values = footer.extremes(column.name) or ()
        for rule in column.rules:
            limits = footer.extremes(rule.limit) if rule.limit else None
            if not _says_enough(rule, limits):
                continue
            least, greatest = limits or (None, None)
            for value in values:
                if not _kept(rule, value, least if rule.name == "too_old" else greatest):
                    yield f"{column.name} holds {value}, against the rule {rule.name!r}"


def _kept(rule: Rule, value: Any, limit: Any) -> bool:
    """A value of another kind than the column's keeps no rule."""
    try:
        return keeps(rule, value, limit)
    except TypeError:
        return False


def _says_enough(rule: Rule, limits: tuple[Any, Any] | None) -> bool:
    """Whether a file's least and greatest value can tell. Lengths, patterns and Mondays cannot be judged by them; a rule
    against another column needs that column's too."""
    return rule.name in _OF_EXTREMES and (rule.limit is None or limits is not None)


def require(findings: Iterable[Finding], run_id: str) -> None:
    """Raises BusinessError with every figure that is past its limit."""
    failed = [finding for finding in findings if not finding.passed]
    if failed:
        lines = "\n".join(f"- {finding}" for finding in failed[:50])
        raise BusinessError(
            f"the audit failed in {len(failed)} figure(s); nothing of run {run_id} was published:\n{lines}\n"
            "Look at the rows in quarantine.<dataset>; have the source mended or, if the figures are right, raise the "
            "limit in the run's parameters."
        )


def emit(findings: Iterable[Finding]) -> None:
    """Each figure to CloudWatch, where the alarms are. A backfill of years has tens of thousands: never all at once."""
    remaining = iter(findings)
    with aws_failures(f"sending quality figures to CloudWatch {NAMESPACE}"):
        while batch := [_datum(finding) for finding in islice(remaining, _METRICS_PER_CALL)]:
            aws.cloudwatch().put_metric_data(Namespace=NAMESPACE, MetricData=batch)


def _datum(finding: Finding) -> MetricDatumTypeDef:
    return {
        "MetricName": finding.metric,
        "Dimensions": [{"Name": "Dataset", "Value": finding.dataset}],
        "Value": finding.value,
        "Unit": "Count" if finding.metric == "row_count" else "None",
    }
