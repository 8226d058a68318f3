from __future__ import annotations

import json
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from local import demo_forecast
from local.demo_forecast import methods_table
from local.settings import LocalSettings
from local.sql import Result


def test_methods_stand_beside_each_other_in_per_cent() -> None:
    report = {
        "model": {"wmape": 0.1234, "mape": 0.25, "bias": -0.01, "coverage80": 0.8},
        "seasonal_naive": {"wmape": 0.4, "mape": 0.5, "bias": 0.0},
        "mean4": {"wmape": 0.3, "mape": None, "bias": 0.02},
    }
    table = methods_table(report)
    assert table.columns == ["METHOD", "WMAPE_%", "MAPE_%", "BIAS_%", "COVERAGE_80_%"]
    assert table.rows == [
        ("Highwater", 12.3, 25.0, -1.0, 80.0),
        ("the same week last year", 40.0, 50.0, 0.0, None),
        ("mean of the last 4 weeks", 30.0, None, 2.0, None),
    ]


def test_a_year_that_is_not_there_is_said() -> None:
    report = {method: {"wmape": 1.0} for method in demo_forecast.METHODS} | {"year_ago_known": 0.0}
    names = [row[0] for row in methods_table(report).rows]
    assert names == ["Highwater", "the same week last year (there is none)", "mean of the last 4 weeks"]


def test_the_ending_reads_the_newest_models_report_and_keeps_its_plot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(demo_forecast, "query", lambda *_: Result(["FORECAST_WEEK"], [("2026-11-23",)]))
    with mock_aws():
        s3, sagemaker = boto3.client("s3"), boto3.client("sagemaker")
        s3.create_bucket(Bucket="reports", CreateBucketConfiguration={"LocationConstraint": "ap-south-1"})
        sagemaker.create_model_package_group(ModelPackageGroupName="highwater-demand-forecast")
        for version, wmape in ((1, 0.9), (2, 0.1234)):
            methods = {name: {"wmape": wmape} for name in demo_forecast.METHODS}
            report = {**methods, "rows": 26, "origins": ["2026-08-03", "2026-11-02"]}
            s3.put_object(
                Bucket="reports", Key=f"{version}/evaluation.json", Body=json.dumps(report).encode()
            )
            s3.put_object(Bucket="reports", Key=f"{version}/forecast.png", Body=f"plot {version}".encode())
            where = {"ContentType": "application/json", "S3Uri": f"s3://reports/{version}/evaluation.json"}
            sagemaker.create_model_package(
                ModelPackageGroupName="highwater-demand-forecast",
                ModelMetrics={"ModelQuality": {"Statistics": where}},
            )
        told = demo_forecast.forecast_summary(LocalSettings(state=tmp_path))
    assert "2 origins, 26 weeks of a SKU in a region" in told
    assert "12.3" in told
    assert "90.0" not in told
    assert (tmp_path / "forecast.png").read_text() == "plot 2"
    assert str(tmp_path / "forecast.png") in told
