"""The forecast's four jobs as AWS runs them: features on Glue; training, evaluation and prediction on SageMaker."""

from __future__ import annotations

import io
import json
import math
import random
import time
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from local.aws_resources import packages_as_zip
from tasks.forecast import forecast_jobs
from tasks.forecast.forecast_features import Features, Inputs
from tasks.models import model_code, model_jobs
from tests.local.aws.conftest import ROLE, XGBOOST

pytestmark = [pytest.mark.spark, pytest.mark.e2e]

REPOSITORY = Path(__file__).parents[3]
AS_OF = date(2025, 3, 3)
WEEKS, HORIZON = 84, 3
SKUS, REGIONS = ("SKU-1", "SKU-2", "SKU-3", "SKU-4"), ("NORTH", "SOUTH")
ROUNDS = 60
"""Less than the default; these data are plain."""


def is_promoted(sku: str, week: int) -> bool:
    return random.Random(f"{sku} {week}").random() < 0.3


def units(sku: str, region: str, week: int) -> int:
    """Planned promotions double what is sold, so that a model can know what a naive method cannot."""
    base = 40 * (1 + SKUS.index(sku)) * (1 + REGIONS.index(region))
    noise = random.Random(f"{sku} {region} {week}").uniform(0.95, 1.05)
    return round(base * noise * (2 if is_promoted(sku, week) else 1))


def monday(week: int) -> date:
    return AS_OF + timedelta(weeks=week)


def cells(first: int, last: int) -> list[tuple[str, str, int]]:
    return [(sku, region, week) for week in range(first, last) for sku in SKUS for region in REGIONS]


def curated() -> dict[str, pa.Table]:
    def price(sku: str, week: int) -> int:
        return 75 if is_promoted(sku, week) else 100

    sales = [
        {
            "sku_code": sku,
            "region_code": region,
            "order_date": monday(week) + timedelta(days=2),
            "quantity": units(sku, region, week),
            "net_revenue": Decimal(units(sku, region, week) * price(sku, week)),
            "source_date": monday(week) + timedelta(days=6),
        }
        for sku, region, week in cells(-WEEKS, 0)
    ]
    promotions = [
        {
            "promo_id": f"P-{sku}-{week}",
            "sku_code": sku,
            "region_code": region,
            "week": monday(week),
            "promo_type": "price_off",
            "promo_discount_pct": 0.25,
            "is_promoted": True,
            "planned_spend": Decimal(500),
            "source_date": monday(-1),
        }
        for sku, region, week in cells(-WEEKS, HORIZON)
        if is_promoted(sku, week)
    ]
    sku = [{"sku_code": sku, "category": "SNACKS", "discontinue_date": None} for sku in SKUS]
    geography = [{"region_code": region} for region in REGIONS]
    money = pa.decimal128(18, 4)
    return {
        "sales": pa.Table.from_pylist(sales).cast(
            pa.schema(
                [
                    ("sku_code", pa.string()),
                    ("region_code", pa.string()),
                    ("order_date", pa.date32()),
                    ("quantity", pa.int64()),
                    ("net_revenue", money),
                    ("source_date", pa.date32()),
                ]
            )
        ),
        "promotions": pa.Table.from_pylist(promotions).set_column(
            7, "planned_spend", pa.array([row["planned_spend"] for row in promotions], money)
        ),
        "sku": pa.Table.from_pylist(sku).set_column(2, "discontinue_date", pa.nulls(len(SKUS), pa.date32())),
        "geography": pa.Table.from_pylist(geography),
    }


@pytest.fixture(scope="module")
def features(s3: Any, glue: Any) -> dict[str, Any]:
    """What highwater-demand-features says of the tables that it has read."""
    tables = {}
    for name, table in curated().items():
        body = io.BytesIO()
        pq.write_table(table, body)
        s3.put_object(Bucket="lake", Key=f"curated/{name}.parquet", Body=body.getvalue())
        tables[name] = {"snapshot_id": 1, "files": [f"s3://lake/curated/{name}.parquet"]}
    manifest = {
        "run_id": "run-1",
        "as_of": AS_OF.isoformat(),
        "horizon_weeks": HORIZON,
        "output": "s3://lake/demand",
        "tables": tables,
    }
    s3.put_object(Bucket="lake", Key="demand/manifest.json", Body=json.dumps(manifest).encode())
    script = (REPOSITORY / "jobs" / "glue" / "demand_features.py").read_bytes()
    s3.put_object(Bucket="scripts", Key="demand_features.py", Body=script)
    s3.put_object(
        Bucket="scripts", Key="packages.zip", Body=packages_as_zip(REPOSITORY, ("contracts", "jobs"))
    )
    glue.create_job(
        Name="highwater-demand-features",
        Role=ROLE,
        Command={"Name": "glueetl", "ScriptLocation": "s3://scripts/demand_features.py"},
        DefaultArguments={"--extra-py-files": "s3://scripts/packages.zip"},
    )
    given = {"--manifest": "s3://lake/demand/manifest.json", "--figures": "s3://lake/figures"}
    run_id = glue.start_job_run(JobName="highwater-demand-features", Arguments=given)["JobRunId"]
    run = wait(
        lambda: glue.get_job_run(JobName="highwater-demand-features", RunId=run_id)["JobRun"], "JobRunState"
    )
    assert run["JobRunState"] == "SUCCEEDED", run
    written = s3.get_object(Bucket="lake", Key=f"figures/{run_id}/figures.json")["Body"].read()
    figures: dict[str, Any] = json.loads(written)
    return {**figures, "output": f"s3://lake/demand/{run_id}"}


def wait(look: Callable[[], dict[str, Any]], state: str) -> dict[str, Any]:
    deadline = time.monotonic() + 300
    while True:
        found = look()
        if found[state] not in ("STARTING", "RUNNING", "InProgress"):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


def start_training(sagemaker: Any, name: str, request: dict[str, Any]) -> None:
    sagemaker.create_training_job(
        TrainingJobName=name,
        **{**request, "HyperParameters": {**request["HyperParameters"], "rounds": str(ROUNDS)}},
    )


def start_evaluation(sagemaker: Any, name: str, request: dict[str, Any]) -> None:
    application = request["AppSpecification"]
    arguments = [*application["ContainerArguments"], "--rounds", str(ROUNDS)]
    sagemaker.create_processing_job(
        ProcessingJobName=name,
        **{**request, "AppSpecification": {**application, "ContainerArguments": arguments}},
    )


def test_features_training_evaluation_and_prediction(
    features: dict[str, Any],
    s3: Any,
    sagemaker: Any,
    sagemaker_job: Any,
    unpacked: Any,
    objects: Any,
) -> None:
    assert features["units_total"] == sum(units(*cell) for cell in cells(-WEEKS, 0))
    assert features["rows_future"] == len(SKUS) * len(REGIONS) * HORIZON
    code = model_code.source(forecast_jobs.PACKAGE)
    s3.put_object(Bucket="scripts", Key="forecast/sourcedir.tar.gz", Body=model_code.archive(code))
    for name, body in code.items():
        s3.put_object(Bucket="scripts", Key=f"forecast/source/{name}", Body=body)
    made = Features(Inputs(AS_OF, HORIZON, {}, features["units_total"]), features["output"], features, None)
    fit = forecast_jobs.training_request(made, "s3://scripts/forecast/sourcedir.tar.gz", "s3://lake/models")
    judge = forecast_jobs.processing_request(made, "s3://scripts/forecast/source/", "s3://lake/evaluation")

    for name in ("train-1", "train-2"):
        start_training(sagemaker, name, fit)
    start_evaluation(sagemaker, "evaluate", judge)

    first, second = (sagemaker_job("training", name, seconds=300) for name in ("train-1", "train-2"))
    assert first["TrainingJobStatus"] == second["TrainingJobStatus"] == "Completed", (first, second)
    metrics = {metric["MetricName"]: metric["Value"] for metric in first["FinalMetricDataList"]}
    assert metrics.keys() == set(forecast_jobs.METRICS)
    assert (metrics["series"], metrics["history_weeks"]) == (len(SKUS) * len(REGIONS), WEEKS)
    model = first["ModelArtifacts"]["S3ModelArtifacts"]
    assert unpacked(model) == unpacked(second["ModelArtifacts"]["S3ModelArtifacts"])

    judged = sagemaker_job("processing", "evaluate", seconds=300)
    assert judged["ProcessingJobStatus"] == "Completed", judged
    report = json.loads(objects("evaluation")["evaluation.json"])
    assert report["model"]["wmape"] < 0.5 * min(
        report[naive]["wmape"] for naive in ("seasonal_naive", "mean4")
    )
    assert objects("evaluation")["forecast.png"].startswith(b"\x89PNG")

    container = model_jobs.model_container(XGBOOST, model)
    sagemaker.create_model(ModelName="demand", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    sagemaker.create_transform_job(
        TransformJobName="predict", **model_jobs.transform_request("demand", made.future, "s3://lake/answers")
    )
    job = sagemaker_job("transform", "predict", seconds=300)
    assert job["TransformJobStatus"] == "Completed", job
    answers = [body for name, body in objects("answers").items() if ".parquet" in name]
    rows = pa.concat_tables([pq.read_table(io.BytesIO(body)) for body in answers]).to_pylist()
    found = {(row["sku_code"], row["region_code"], row["forecast_week"]): row for row in rows}
    assert found.keys() == {(sku, region, monday(week)) for sku, region, week in cells(0, HORIZON)}
    for sku, region, week in cells(0, HORIZON):
        row, truth = found[sku, region, monday(week)], units(sku, region, week)
        assert math.isclose(row["predicted_units"], truth, rel_tol=0.3), (row, truth)
        assert 0 <= row["lower"] <= row["predicted_units"] <= row["upper"]
