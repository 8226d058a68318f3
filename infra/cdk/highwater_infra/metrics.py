"""The figures that alarms watch: what flows send, what AWS counts of our jobs, queues and tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from deployments import names

_Comparison = cloudwatch.ComparisonOperator
_Missing = cloudwatch.TreatMissingData
DATASETS: Final = ("sales", "inventory", "market", "promotions", "sku", "geography", "customer")
# Required columns of sales; tests/infra holds them and the limits against the contracts.
SALES_COLUMNS: Final = (
    "channel",
    "customer_id",
    "net_revenue",
    "order_date",
    "order_id",
    "quantity",
    "region_code",
    "sku_code",
)
NULL_RATE_MAX: Final = 0.05
PSI_MAX: Final = 0.25
ERROR_RATIO_MAX: Final = 1.25
RUN_FAILURES: Final = 3
# A message that the worker fails to handle goes to the dead letters after three tries of five minutes each.
UNREAD_SECONDS: Final = 30 * 60


@dataclass(frozen=True)
class Watch:
    name: str
    metric: cloudwatch.IMetric
    threshold: float
    comparison: cloudwatch.ComparisonOperator
    advice: str
    critical: bool = False
    missing: cloudwatch.TreatMissingData = _Missing.NOT_BREACHING
    periods: int = 1
    """So many in a row."""


def watches(*, scheduled: bool) -> list[Watch]:
    """Where nothing runs by schedule, a day without a run is nothing to tell."""
    return [*_data(), *([_silence()] if scheduled else []), *_models(), _failures(), *_machinery()]


def _data() -> list[Watch]:
    return [
        Watch(
            "null-rate-sales",
            _worst("MAX", "Largest null rate", {c: ("sales", f"null_rate.{c}") for c in SALES_COLUMNS}),
            NULL_RATE_MAX,
            _Comparison.GREATER_THAN_THRESHOLD,
            "A required column of sales has too many nulls; the run was refused. docs/operate.md: quality failed.",
        ),
        *(
            Watch(
                f"quality-{metric.replace('_', '-')}",
                _worst("MIN", f"Lowest {metric}", {d: (d, metric) for d in DATASETS}),
                1,
                _Comparison.LESS_THAN_THRESHOLD,
                advice,
                critical=True,
            )
            for metric, advice in (
                (
                    "reconciled",
                    "Rows went missing between the raw files and the lake. Nothing of the run is published.",
                ),
                (
                    "contract_valid",
                    "A job wrote rows that break their contract. Nothing of the run is published.",
                ),
            )
        ),
    ]


def _silence() -> Watch:
    return Watch(
        "nothing-ran-today",
        _quality("sales", "row_count", statistic="SampleCount", period=Duration.days(1)),
        1,
        _Comparison.LESS_THAN_THRESHOLD,
        "No audit of sales in a day: the schedule, the worker or the source stands still. "
        "docs/operate.md: a source is missing, a stuck run.",
        critical=True,
        missing=_Missing.BREACHING,
    )


def _models() -> list[Watch]:
    def figure(metric: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=names.MODELS_NAMESPACE,
            metric_name=metric,
            dimensions_map={"Model": names.FORECAST_JOBS},
            statistic="Maximum",
            period=Duration.hours(1),
        )

    return [
        Watch(
            "model-features-drift",
            figure("feature_psi_max"),
            PSI_MAX,
            _Comparison.GREATER_THAN_THRESHOLD,
            "A feature of the forecast is not distributed as at training: MONITORING.MODEL_DRIFT says which.",
        ),
        Watch(
            "model-errors-drift",
            figure("wmape_ratio"),
            ERROR_RATIO_MAX,
            _Comparison.GREATER_THAN_THRESHOLD,
            "The forecast errs more than its backtest did: train anew, and look at the weeks that went wrong.",
        ),
    ]


def _failures() -> Watch:
    """A run that failed is told by its own message: an alarm on each would tell it twice."""
    alerts = {
        severity.lower(): cloudwatch.Metric(
            namespace=names.RUNS_NAMESPACE,
            metric_name=names.RUNS_ALERTS,
            dimensions_map={"Severity": severity},
            statistic="Sum",
            period=Duration.hours(1),
        )
        for severity in ("HIGH", "CRITICAL")
    }
    return Watch(
        "run-failures",
        cloudwatch.MathExpression(
            expression=" + ".join(f"FILL({severity}, 0)" for severity in alerts),
            label="HIGH and CRITICAL alerts",
            using_metrics=dict(alerts),
            period=Duration.hours(1),
        ),
        RUN_FAILURES,
        _Comparison.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        "Several runs failed within an hour: the platform rather than one source. Each told of itself: what do they share?",
        critical=True,
    )


def _machinery() -> list[Watch]:
    return [
        Watch(
            "dead-letters",
            _aws(
                "AWS/SQS",
                "ApproximateNumberOfMessagesVisible",
                {"QueueName": f"{names.TASK_EVENTS}-dead"},
                statistic="Maximum",
            ),
            1,
            _Comparison.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            "The worker could not make sense of a task's end: a crashed run may still say Running.",
        ),
        Watch(
            "task-ends-unread",
            _aws(
                "AWS/SQS",
                "ApproximateAgeOfOldestMessage",
                {"QueueName": names.TASK_EVENTS},
                statistic="Maximum",
            ),
            UNREAD_SECONDS,
            _Comparison.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            "Nobody reads how tasks end: crashed runs still say Running and are not recovered. The worker's observer has "
            "died, or there is no worker. docs/operate.md: a crashed run.",
            critical=True,
        ),
    ]


def no_worker() -> Watch:
    """Container Insights counts the tasks of a service that has some, and sends nothing for one that has none: what is
    missing is the very thing to tell. Three periods, because a figure may come late."""
    count = _aws(
        "ECS/ContainerInsights",
        "RunningTaskCount",
        {"ClusterName": names.CLUSTER, "ServiceName": names.WORKER},
        statistic="Maximum",
    )
    return Watch(
        "no-worker",
        cloudwatch.MathExpression(
            expression="FILL(running, 0)",
            label="Running workers",
            using_metrics={"running": count},
            period=Duration.minutes(5),
        ),
        1,
        _Comparison.LESS_THAN_THRESHOLD,
        "No worker is running: scheduled runs wait. Look at /highwater/worker and at the last release.",
        critical=True,
        missing=_Missing.BREACHING,
        periods=3,
    )


def _quality(dataset: str, metric: str, *, statistic: str, period: Duration) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=names.QUALITY_NAMESPACE,
        metric_name=metric,
        dimensions_map={"Dataset": dataset},
        statistic=statistic,
        period=period,
    )


def _worst(function: str, label: str, of: dict[str, tuple[str, str]]) -> cloudwatch.MathExpression:
    parts: dict[str, cloudwatch.IMetric] = {
        f"m_{key}": _quality(
            dataset,
            metric,
            statistic="Maximum" if function == "MAX" else "Minimum",
            period=Duration.minutes(5),
        )
        for key, (dataset, metric) in of.items()
    }
    return cloudwatch.MathExpression(
        expression=f"{function}([{', '.join(parts)}])",
        label=label,
        using_metrics=parts,
        period=Duration.minutes(5),
    )


def _aws(
    namespace: str, name: str, dimensions: dict[str, str], *, statistic: str = "Sum"
) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        dimensions_map=dimensions,
        statistic=statistic,
        period=Duration.minutes(5),
    )
