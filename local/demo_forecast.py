"""The demo's ending: the forecast's plot as a file, and the model's accuracy beside the naive methods."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3

from local import resources
from local.settings import LocalSettings
from local.sql import Result, query

METHODS = {
    "model": "Highwater",
    "seasonal_naive": "the same week last year",
    "mean4": "mean of the last 4 weeks",
}
NO_YEAR_AGO = "the same week last year (there is none)"
_FIGURES = ("wmape", "mape", "bias", "coverage80")


def forecast_summary(settings: LocalSettings, weeks_close: bool = False) -> str:
    """`weeks_close`: the weeks that were forecast have been delivered since."""
    folder = _evaluation_folder()
    report = json.loads(_read(f"{folder}/evaluation.json"))
    plot = settings.state / "forecast.png"
    plot.write_bytes(_read(f"{folder}/forecast.png"))
    return "\n".join(
        [
            f"The forecast's backtest: {len(report['origins'])} origins, {report['rows']} weeks of a SKU in a region",
            methods_table(report).indented(),
            "",
            "The forecast of weeks that came later, and what was sold in them"
            if weeks_close
            else "The forecast of the weeks to come",
            query(_CLOSED_WEEKS if weeks_close else _WEEKS, settings).indented(),
            "",
            f"Its plot       {_shown(plot)}",
        ]
    )


def methods_table(report: dict[str, Any]) -> Result:
    """Coverage is a matter of intervals, which naive methods have none of."""
    names = METHODS | ({} if report.get("year_ago_known", 1.0) else {"seasonal_naive": NO_YEAR_AGO})
    rows = [
        (name, *(_per_cent(report[method].get(figure)) for figure in _FIGURES))
        for method, name in names.items()
    ]
    return Result(["METHOD", "WMAPE_%", "MAPE_%", "BIAS_%", "COVERAGE_80_%"], rows)


def _per_cent(value: float | None) -> float | None:
    return None if value is None else round(100 * value, 1)


def _evaluation_folder() -> str:
    """Where the newest registered model says that its figures are."""
    sagemaker = boto3.client("sagemaker")
    packages = sagemaker.list_model_packages(ModelPackageGroupName=resources.DEMAND_FORECAST.name)
    newest = max(packages["ModelPackageSummaryList"], key=lambda package: package["ModelPackageVersion"])
    described = sagemaker.describe_model_package(ModelPackageName=newest["ModelPackageArn"])
    address: str = described["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"]
    return address.rpartition("/")[0]


def _read(address: str) -> bytes:
    bucket, _, key = address.removeprefix("s3://").partition("/")
    return boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


_WEEKS = """
SELECT forecast_week, COUNT(*) AS series, ROUND(SUM(predicted_units)) AS predicted_units, MAX(model_version) AS model
FROM ML_OUTPUTS.DEMAND_FORECAST_PREDICTIONS
WHERE as_of = (SELECT MAX(as_of) FROM ML_OUTPUTS.DEMAND_FORECAST_PREDICTIONS)
GROUP BY forecast_week ORDER BY forecast_week LIMIT 4"""

_CLOSED_WEEKS = """
SELECT forecast_week, COUNT(*) AS series, ROUND(SUM(predicted_units)) AS predicted_units, SUM(actual_units) AS sold,
    ROUND(100 * SUM(absolute_error) / SUM(actual_units), 1) AS "WMAPE_%",
    ROUND(100 * AVG(IFF(is_within_interval, 1, 0)), 1) AS "COVERAGE_80_%"
FROM MARTS.FORECAST_ACCURACY_MART
WHERE as_of = (SELECT MAX(as_of) FROM MARTS.FORECAST_ACCURACY_MART)
GROUP BY forecast_week ORDER BY forecast_week"""
