"""The figures of flows that alarms watch; machinery.py has what AWS counts of our queues and services."""

from __future__ import annotations

from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from deployments import names
from highwater_infra import churn_endpoint, machinery
from highwater_infra.watch import Watch

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


def watches(*, scheduled: bool) -> list[Watch]:
    """Where nothing runs by schedule, a day without a run is nothing to tell."""
    return [
        *_data(),
        *([_silence()] if scheduled else []),
        *_models(),
        *churn_endpoint.watches(),
        _failures(),
        *machinery.queues(),
    ]


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
    def figure(metric: str, model: str = names.FORECAST_JOBS) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=names.MODELS_NAMESPACE,
            metric_name=metric,
            dimensions_map={"Model": model},
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
        Watch(
            "churn-features-drift",
            figure("feature_psi_max", names.CHURN_MODEL),
            PSI_MAX,
            _Comparison.GREATER_THAN_THRESHOLD,
            "A feature of the churn model is not distributed as at training: MONITORING.MODEL_DRIFT says which.",
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
