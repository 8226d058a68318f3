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
from tests.local.aws.conftest import ROLE, XGBOOST, archive

pytestmark = [pytest.mark.spark, pytest.mark.e2e]

REPOSITORY = Path(__file__).parents[3]
AS_OF = date(2025, 3, 3)
WEEKS, HORIZON = 84, 3
SKUS, REGIONS = ("SKU-1", "SKU-2", "SKU-3", "SKU-4"), ("NORTH", "SOUTH")
CLUSTER = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10}
ARGUMENTS = {"as-of": AS_OF.isoformat(), "horizon-weeks": str(HORIZON), "seed": "7", "rounds": "60"}


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
                ]
            )
        ),
        "promotions": pa.Table.from_pylist(promotions).set_column(
            7, "planned_spend", pa.array([row["planned_spend"] for row in promotions], money)
        ),
        "sku": pa.Table.from_pylist(sku).set_column(2, "discontinue_date", pa.nulls(len(SKUS), pa.date32())),
        "geography": pa.Table.from_pylist(geography),
    }


def programs() -> dict[str, bytes]:
    """As jobs/sagemaker says that it is shipped: the programs at the top, the package below them."""
    folder = REPOSITORY / "jobs" / "sagemaker"
    package = {f"jobs/sagemaker/{file.name}": file.read_bytes() for file in folder.glob("*.py")}
    top = {name: (folder / name).read_bytes() for name in ("train.py", "evaluate.py", "inference.py")}
    return {"jobs/__init__.py": b"", **package, **top}


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
    given = {"--manifest": "s3://lake/demand/manifest.json", "--figures": "s3://lake/figures.json"}
    run_id = glue.start_job_run(JobName="highwater-demand-features", Arguments=given)["JobRunId"]
    run = wait(
        lambda: glue.get_job_run(JobName="highwater-demand-features", RunId=run_id)["JobRun"], "JobRunState"
    )
    assert run["JobRunState"] == "SUCCEEDED", run
    figures: dict[str, Any] = json.loads(s3.get_object(Bucket="lake", Key="figures.json")["Body"].read())
    return figures


def wait(look: Callable[[], dict[str, Any]], state: str) -> dict[str, Any]:
    deadline = time.monotonic() + 300
    while True:
        found = look()
        if found[state] not in ("STARTING", "RUNNING", "InProgress"):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


def training(sagemaker: Any, name: str) -> None:
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://lake/demand/features/"}
    sagemaker.create_training_job(
        TrainingJobName=name,
        RoleArn=ROLE,
        AlgorithmSpecification={
            "TrainingImage": XGBOOST,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "series", "Regex": r"^metric series=(\S+)"}],
        },
        HyperParameters={
            **ARGUMENTS,
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": "s3://scripts/forecast/sourcedir.tar.gz",
        },
        InputDataConfig=[{"ChannelName": "features", "DataSource": {"S3DataSource": source}}],
        OutputDataConfig={"S3OutputPath": "s3://lake/models"},
        ResourceConfig=CLUSTER,
        StoppingCondition={"MaxRuntimeInSeconds": 300},
    )


def evaluation(sagemaker: Any, name: str) -> None:
    def given(what: str, uri: str) -> dict[str, Any]:
        source = {"S3Uri": uri, "LocalPath": f"/opt/ml/processing/input/{what}", "S3DataType": "S3Prefix"}
        return {"InputName": what, "S3Input": {**source, "S3InputMode": "File"}}

    local = "/opt/ml/processing/output/evaluation"
    output = {"S3Uri": "s3://lake/evaluation", "LocalPath": local, "S3UploadMode": "EndOfJob"}
    sagemaker.create_processing_job(
        ProcessingJobName=name,
        RoleArn=ROLE,
        AppSpecification={
            "ImageUri": XGBOOST,
            "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/evaluate.py"],
            "ContainerArguments": [word for key, value in ARGUMENTS.items() for word in (f"--{key}", value)],
        },
        ProcessingInputs=[
            given("features", "s3://lake/demand/features/"),
            given("code", "s3://scripts/forecast/source/"),
        ],
        ProcessingOutputConfig={"Outputs": [{"OutputName": "evaluation", "S3Output": output}]},
        ProcessingResources={"ClusterConfig": CLUSTER},
    )


def test_features_training_evaluation_and_prediction(
    features: dict[str, Any],
    s3: Any,
    sagemaker: Any,
    sagemaker_job: Any,
    unpacked: Any,
    objects: Any,
    transform: Any,
) -> None:
    assert features["units_total"] == sum(units(*cell) for cell in cells(-WEEKS, 0))
    assert features["rows_future"] == len(SKUS) * len(REGIONS) * HORIZON
    code = programs()
    s3.put_object(Bucket="scripts", Key="forecast/sourcedir.tar.gz", Body=archive(code))
    for name, body in code.items():
        s3.put_object(Bucket="scripts", Key=f"forecast/source/{name}", Body=body)

    for name in ("train-1", "train-2"):
        training(sagemaker, name)
    evaluation(sagemaker, "evaluate")

    first, second = (sagemaker_job("training", name, seconds=300) for name in ("train-1", "train-2"))
    assert first["TrainingJobStatus"] == second["TrainingJobStatus"] == "Completed", (first, second)
    assert {m["MetricName"]: m["Value"] for m in first["FinalMetricDataList"]} == {"series": 8.0}
    model = first["ModelArtifacts"]["S3ModelArtifacts"]
    assert unpacked(model) == unpacked(second["ModelArtifacts"]["S3ModelArtifacts"])

    judged = sagemaker_job("processing", "evaluate", seconds=300)
    assert judged["ProcessingJobStatus"] == "Completed", judged
    report = json.loads(objects("evaluation")["evaluation.json"])
    assert report["model"]["wmape"] < 0.5 * min(
        report[naive]["wmape"] for naive in ("seasonal_naive", "mean4")
    )
    assert objects("evaluation")["forecast.png"].startswith(b"\x89PNG")

    variables = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}
    container = {"Image": XGBOOST, "ModelDataUrl": model, "Environment": variables}
    sagemaker.create_model(ModelName="demand", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    job = transform("demand", "demand/future", MaxPayloadInMB=100)
    assert job["TransformJobStatus"] == "Completed", job
    answers = [body for name, body in objects(f"out/{job['TransformJobName']}").items() if ".parquet" in name]
    rows = pa.concat_tables([pq.read_table(io.BytesIO(body)) for body in answers]).to_pylist()
    found = {(row["sku_code"], row["region_code"], row["forecast_week"]): row for row in rows}
    assert found.keys() == {(sku, region, monday(week)) for sku, region, week in cells(0, HORIZON)}
    for sku, region, week in cells(0, HORIZON):
        row, truth = found[sku, region, monday(week)], units(sku, region, week)
        assert math.isclose(row["predicted_units"], truth, rel_tol=0.3), (row, truth)
        assert 0 <= row["lower"] <= row["predicted_units"] <= row["upper"]
