"""Training jobs are local processes in the container's packages, with /opt/ml and true outcomes."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError

from local.aws.sagemaker.training import final_metrics
from local.aws.server import LocalAws
from tests.local.aws.conftest import cut_off

TEN_ROWS = """
import os, numpy, xgboost
table = numpy.loadtxt(os.path.join(os.environ["SM_CHANNEL_TRAIN"], "rows.csv"), delimiter=",")
model = xgboost.XGBRegressor(n_estimators=20, max_depth=2, seed=7).fit(table[:, :1], table[:, 1])
model.save_model(os.environ["SM_MODEL_DIR"] + "/model.json")
print("metric xgboost=" + xgboost.__version__[:3])
print("metric error=0.75")
print("metric error=", float(numpy.abs(model.predict(table[:, :1]) - table[:, 1]).mean()), sep="")
print("metric best=nan")
"""
REPORT = """
import json, os, sys, pathlib
config = pathlib.Path("/opt/ml/input/config")
report = {"argv": sys.argv[1:], "env": dict(os.environ), "cwd": os.getcwd(), "path": sys.path,
          "config": {file.name: json.loads(file.read_text()) for file in config.iterdir()},
          "inputs": sorted(str(p) for p in pathlib.Path("/opt/ml/input/data").rglob("*") if p.is_file())}
pathlib.Path("/opt/ml/model/report.json").write_text(json.dumps(report))
pathlib.Path("/opt/ml/output/data/extra.txt").write_text("more")
"""
SLEEP = """
import os, subprocess, sys, time, pathlib
pathlib.Path(os.environ["SM_MODEL_DIR"], "half.txt").write_text("half")
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print("up", flush=True)
time.sleep(600)
"""
WAIT_FOR_GATE = """
import pathlib, sys, time
print("up", flush=True)
while not pathlib.Path(sys.argv[2]).exists():
    time.sleep(0.02)
"""
SAY_WHY = """
import os
open(os.environ["SM_OUTPUT_DIR"] + "/failure", "w").write("DataError: x" + "y" * 2000)
raise SystemExit(3)
"""


def channel(name: str, uri: str, **more: Any) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, **more}


def processes_of(aws: LocalAws, name: str) -> list[psutil.Process]:
    mark = f"{aws.state}:TrainingJob/{name}"
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("HIGHWATER_LOCAL_PROCESS") == mark:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def wait_for_log(aws: LocalAws, name: str, text: str) -> None:
    log = aws.state / "logs" / "sagemaker" / "TrainingJob" / f"{name}.log"
    deadline = time.monotonic() + 30
    while not (log.exists() and text in log.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_model_is_trained_in_the_containers_packages_and_lands_in_s3(
    train: Any, s3: Any, unpacked: Any
) -> None:
    rows = "\n".join(f"{x},{3 * x}" for x in range(10))
    s3.put_object(Bucket="lake", Key="ten/rows.csv", Body=rows.encode())
    regexes = {name: rf"metric {name}=(\S+)" for name in ("xgboost", "error", "best", "absent")}

    job = train(
        TEN_ROWS,
        InputDataConfig=[channel("train", "s3://lake/ten/", ContentType="text/csv")],
        AlgorithmSpecification={
            "TrainingImage": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:3.2-0-cpu-py3",
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": name, "Regex": regex} for name, regex in regexes.items()],
        },
    )

    assert job["TrainingJobStatus"] == "Completed", job
    artifacts = job["ModelArtifacts"]["S3ModelArtifacts"]
    assert artifacts == f"s3://lake/models/{job['TrainingJobName']}/output/model.tar.gz"
    model = json.loads(unpacked(artifacts)["model.json"])
    assert model["version"][:2] == [3, 2]
    metrics = {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]}
    assert metrics.keys() == {"xgboost", "error"}
    assert metrics["xgboost"] == pytest.approx(3.2)
    assert 0 < metrics["error"] < 0.5


@cut_off
def test_the_script_gets_opt_ml_as_the_toolkit_gives_it(
    train: Any, s3: Any, unpacked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIGHWATER_LAKE_BUCKET", "leaked")
    for key in ("in/a.csv", "in/deep/b.csv", "in/folder/", "one.csv"):
        s3.put_object(Bucket="lake", Key=f"report/{key}", Body=b"x")

    job = train(
        REPORT,
        {
            "as-of": "2026-01-05",
            "horizon": "13",
            "flag": "true",
            "none": "null",
            "quoted": '"a b"',
            "n": "1e3",
        },
        InputDataConfig=[
            channel("features", "s3://lake/report/in"),
            channel("more", "s3://lake/report/one.csv"),
        ],
        Environment={"MODE": "fast"},
    )

    assert job["TrainingJobStatus"] == "Completed", job
    output = f"s3://lake/models/{job['TrainingJobName']}/output"
    report = json.loads(unpacked(f"{output}/model.tar.gz")["report.json"])
    assert report["argv"] == [
        *("--as-of", "2026-01-05"),
        *("--flag", "True"),
        *("--horizon", "13"),
        *("-n", "1000.0"),
        *("--none", ""),
        *("--quoted", "a b"),
    ]
    data = "/opt/ml/input/data"
    assert report["inputs"] == [
        f"{data}/features/a.csv",
        f"{data}/features/deep/b.csv",
        f"{data}/more/one.csv",
    ]
    assert report["cwd"] == "/opt/ml/code"
    env = report["env"]
    assert (env["SM_CHANNEL_FEATURES"], env["SM_MODEL_DIR"]) == (f"{data}/features", "/opt/ml/model")
    assert (env["SM_OUTPUT_DATA_DIR"], env["SM_HP_HORIZON"]) == ("/opt/ml/output/data", "13")
    assert (env["MODE"], env["TRAINING_JOB_NAME"]) == ("fast", job["TrainingJobName"])
    assert env["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    assert "leaked" not in env.values()
    assert report["config"]["hyperparameters.json"]["horizon"] == "13"
    assert report["config"]["inputdataconfig.json"]["features"]["TrainingInputMode"] == "File"
    assert report["config"]["resourceconfig.json"]["hosts"] == ["algo-1"]
    assert str(Path(__file__).parents[3]) not in report["path"]
    assert unpacked(f"{output}/output.tar.gz") == {"extra.txt": b"more"}


@cut_off
def test_opt_ml_is_not_seen_outside_and_two_jobs_do_not_meet(
    aws: LocalAws, start_training: Any, sagemaker_job: Any, unpacked: Any, tmp_path: Path
) -> None:
    before = sorted(path.name for path in Path("/opt").iterdir())
    wait_for_other = """
import pathlib, sys, time
mine, opt, together = pathlib.Path("/opt/ml/model/mine.txt"), sys.argv[4].split(), pathlib.Path(sys.argv[6])
mine.write_text(sys.argv[2])
(together / sys.argv[2]).touch()
while len(list(together.iterdir())) < 2:
    time.sleep(0.02)
assert mine.read_text() == sys.argv[2]
assert sorted(p.name for p in pathlib.Path("/opt").iterdir()) == sorted([*opt, "ml"])
"""
    given = {"opt": " ".join(before), "together": str(tmp_path)}
    names = [start_training(wait_for_other, {"me": me, **given}) for me in ("a", "b")]
    jobs = [sagemaker_job("training", name) for name in names]

    assert [job["TrainingJobStatus"] for job in jobs] == ["Completed", "Completed"], jobs
    found = [unpacked(job["ModelArtifacts"]["S3ModelArtifacts"])["mine.txt"] for job in jobs]
    assert found == [b"a", b"b"]
    assert sorted(path.name for path in Path("/opt").iterdir()) == before
    assert list((aws.state / "sagemaker" / "TrainingJob").iterdir()) == []


def test_states_and_times_are_true(
    aws: LocalAws, start_training: Any, sagemaker_job: Any, sagemaker: Any, tmp_path: Path
) -> None:
    before, gate = datetime.now(UTC), tmp_path / "gate"
    name = start_training(WAIT_FOR_GATE, {"gate": str(gate)})
    running = sagemaker.describe_training_job(TrainingJobName=name)
    assert running["TrainingJobStatus"] == "InProgress"
    assert "TrainingEndTime" not in running
    assert "ModelArtifacts" not in running
    wait_for_log(aws, name, "up")
    assert sagemaker.describe_training_job(TrainingJobName=name)["SecondaryStatus"] == "Training"
    opened = datetime.now(UTC)
    gate.touch()

    job = sagemaker_job("training", name)

    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Completed", "Completed")
    assert [transition["Status"] for transition in job["SecondaryStatusTransitions"]] == [
        "Starting",
        "Downloading",
        "Training",
        "Uploading",
        "Completed",
    ]
    assert all("EndTime" in transition for transition in job["SecondaryStatusTransitions"])
    times = [job["CreationTime"], job["TrainingStartTime"], opened, job["TrainingEndTime"]]
    assert times == sorted(times)
    assert before - timedelta(seconds=1) < times[0]
    assert times[-1] < datetime.now(UTC) + timedelta(seconds=1)
    assert "FailureReason" not in job
    assert job["HyperParameters"]["sagemaker_program"] == "train.py"


def test_an_exception_is_the_failure_reason_and_no_model_is_kept(train: Any, s3: Any) -> None:
    job = train(
        "import os\nopen(os.environ['SM_MODEL_DIR'] + '/m', 'w').close()\nraise ValueError('only 12 weeks of history')"
    )

    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Failed", "Failed")
    assert job["FailureReason"] == "AlgorithmError: ValueError: only 12 weeks of history"
    assert "ModelArtifacts" not in job
    listed = s3.list_objects_v2(Bucket="lake", Prefix=f"models/{job['TrainingJobName']}/")
    assert listed["KeyCount"] == 0


def test_what_the_script_wrote_to_failure_is_the_reason(train: Any) -> None:
    job = train(SAY_WHY)

    assert job["FailureReason"].startswith("AlgorithmError: DataError: xyyy")
    assert len(job["FailureReason"]) == 1024


@pytest.mark.parametrize(
    ("request_", "files", "hyperparameters", "reason"),
    [
        (
            {"InputDataConfig": [channel("train", "s3://lake/no-such-prefix/")]},
            {},
            {},
            'ClientError: Data download failed: No S3 objects found under S3 URL "s3://lake/no-such-prefix/"',
        ),
        (
            {"InputDataConfig": [channel("t", "s3://no-such-bucket/a")]},
            {},
            {},
            "ClientError: Data download failed",
        ),
        ({"InputDataConfig": [channel("t", "s3://lake/prefix/ambig")]}, {}, {}, "end it with '/'"),
        ({}, {}, {"sagemaker_program": "other.py"}, "the submitted code has no 'other.py'"),
        ({}, {}, {"sagemaker_submit_directory": "s3://scripts/none.tar.gz"}, "none.tar.gz does not exist"),
        ({}, {}, {"sagemaker_submit_directory": "s3://lake/prefix/ambiguous"}, "is not a .tar.gz"),
        ({}, {"requirements.txt": "numpy>=99"}, {}, "requirements.txt wants 'numpy>=99', the local"),
        ({}, {"requirements.txt": "prophet"}, {}, "has none"),
    ],
)
def test_what_can_not_be_staged_fails_the_job_and_says_what(
    train: Any, s3: Any, request_: Any, files: Any, hyperparameters: Any, reason: str
) -> None:
    s3.put_object(Bucket="lake", Key="prefix/ambiguous", Body=b"x")

    job = train("", hyperparameters, files, **request_)

    assert job["TrainingJobStatus"] == "Failed"
    assert reason in job["FailureReason"]


def test_requirements_that_the_container_has_are_met(train: Any) -> None:
    job = train("", None, {"requirements.txt": "# ours\npandas>=2.2,<3\nxgboost-cpu  # any\n"})

    assert job["TrainingJobStatus"] == "Completed", job


def test_stop_kills_the_tree_and_keeps_what_was_trained(
    aws: LocalAws, start_training: Any, sagemaker_job: Any, sagemaker: Any, unpacked: Any
) -> None:
    name = start_training(SLEEP)
    wait_for_log(aws, name, "up")
    assert len(processes_of(aws, name)) >= 2

    sagemaker.stop_training_job(TrainingJobName=name)
    stopping = sagemaker.describe_training_job(TrainingJobName=name)
    job = sagemaker_job("training", name)

    assert stopping["TrainingJobStatus"] in ("Stopping", "Stopped")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert "Stopping" in [transition["Status"] for transition in job["SecondaryStatusTransitions"]]
    assert processes_of(aws, name) == []
    assert unpacked(job["ModelArtifacts"]["S3ModelArtifacts"]) == {"half.txt": b"half"}
    with pytest.raises(ClientError, match="the training job is in status Stopped"):
        sagemaker.stop_training_job(TrainingJobName=name)


def test_a_job_over_its_maximum_is_stopped_and_says_so(aws: LocalAws, train: Any) -> None:
    job = train(SLEEP, StoppingCondition={"MaxRuntimeInSeconds": 1})

    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert processes_of(aws, job["TrainingJobName"]) == []


def test_a_name_is_taken_for_good(train: Any, start_training: Any) -> None:
    name = train("raise SystemExit('x')")["TrainingJobName"]

    with pytest.raises(ClientError, match="a training job with this name already exists") as taken:
        start_training("", TrainingJobName=name)

    assert taken.value.response["Error"]["Code"] == "ResourceInUse"


def test_an_entry_point_of_the_callers_runs_instead_of_script_mode(
    aws: LocalAws, train: Any, s3: Any, unpacked: Any
) -> None:
    s3.put_object(
        Bucket="lake",
        Key="drivers/run.sh",
        Body=b'python3 -c "import sys; print(sys.prefix)" >$OUT/x; echo $1',
    )

    job = train(
        "",
        AlgorithmSpecification={
            "TrainingImage": "720646828776.dkr.ecr.ap-south-1.amazonaws.com/sagemaker-xgboost:3.2-0",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["/bin/bash"],
            "ContainerArguments": ["/opt/ml/input/data/drivers/run.sh", "hello"],
        },
        InputDataConfig=[channel("drivers", "s3://lake/drivers/")],
        Environment={"OUT": "/opt/ml/model"},
    )

    assert job["TrainingJobStatus"] == "Completed", job
    repository = Path(__file__).parents[3]
    assert unpacked(job["ModelArtifacts"]["S3ModelArtifacts"]) == {
        "x": f"{repository}/.venv-sagemaker\n".encode()
    }
    log = aws.state / "logs" / "sagemaker" / "TrainingJob" / f"{job['TrainingJobName']}.log"
    assert log.read_text() == "hello\n"


@pytest.mark.filterwarnings("ignore:Exception.Local")
@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"TrainingImage": "tensorflow:2"}, "has no environment for the image 'tensorflow:2'"),
        ({"AlgorithmName": "bought"}, "trains in a TrainingImage only"),
        ({"TrainingInputMode": "Pipe"}, "has no Pipe mode"),
        ({"MetricDefinitions": [{"Name": "m", "Regex": "("}]}, "Invalid regex of metric m"),
        ({"MetricDefinitions": [{"Name": "m", "Regex": "m=.*"}]}, "has no group that takes its value"),
        ({"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2}}, "on one instance only"),
        ({"EnableManagedSpotTraining": True}, "does not honour EnableManagedSpotTraining"),
        ({"CheckpointConfig": {"S3Uri": "s3://lake/c"}}, "does not honour CheckpointConfig"),
        ({"TrainingJobName": "a_b"}, "failed to satisfy constraint"),
        ({"TrainingJobName": "a" * 64}, "failed to satisfy constraint"),
        ({"HyperParameters": {"max_depth": "3"}}, "in script mode only"),
    ],
)
def test_what_can_not_be_honoured_is_refused(sagemaker: Any, changed: dict[str, Any], why: str) -> None:
    request: dict[str, Any] = {
        "TrainingJobName": "refused",
        "RoleArn": "arn:aws:iam::123456789012:role/sagemaker",
        "AlgorithmSpecification": {
            "TrainingImage": "720646828776.dkr.ecr.ap-south-1.amazonaws.com/sagemaker-xgboost:3.2-0",
            "TrainingInputMode": "File",
        },
        "InputDataConfig": [channel("train", "s3://lake/ten/")],
        "OutputDataConfig": {"S3OutputPath": "s3://lake/models"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        "HyperParameters": {"sagemaker_program": "train.py", "sagemaker_submit_directory": "s3://a/b"},
    }
    for member, value in changed.items():
        within = (
            request if member in request or member[0:2] in ("En", "Ch") else request["AlgorithmSpecification"]
        )
        within[member] = value
    if "AlgorithmName" in changed:
        del request["AlgorithmSpecification"]["TrainingImage"]

    with pytest.raises(ClientError, match=why):
        sagemaker.create_training_job(**request)

    with pytest.raises(ClientError, match="Requested resource not found"):
        sagemaker.describe_training_job(TrainingJobName=request["TrainingJobName"])


def test_jobs_are_listed_by_name_state_and_page(train: Any, sagemaker: Any) -> None:
    stem = f"listed-{time.monotonic_ns()}"
    for number, script in enumerate(["", "raise SystemExit(1)", ""]):
        train(script, TrainingJobName=f"{stem}-{number}")

    def names(**wanted: Any) -> list[str]:
        listed = sagemaker.list_training_jobs(NameContains=stem, **wanted)
        return [job["TrainingJobName"].removeprefix(f"{stem}-") for job in listed["TrainingJobSummaries"]]

    assert names() == ["0", "1", "2"]
    assert names(StatusEquals="Completed") == ["0", "2"]
    assert names(SortBy="Name", SortOrder="Descending") == ["2", "1", "0"]
    assert names(CreationTimeAfter=datetime(2100, 1, 1, tzinfo=UTC)) == []
    assert names(CreationTimeBefore=datetime(2100, 1, 1, tzinfo=UTC)) == ["0", "1", "2"]
    first = sagemaker.list_training_jobs(NameContains=stem, MaxResults=2)
    assert len(first["TrainingJobSummaries"]) == 2
    rest = sagemaker.list_training_jobs(NameContains=stem, MaxResults=2, NextToken=first["NextToken"])
    assert [job["TrainingJobName"] for job in rest["TrainingJobSummaries"]] == [f"{stem}-2"]
    assert "NextToken" not in rest


def test_tags_of_a_job_are_kept(train: Any, sagemaker: Any) -> None:
    job = train("", Tags=[{"Key": "run", "Value": "7"}])

    assert sagemaker.list_tags(ResourceArn=job["TrainingJobArn"])["Tags"] == [{"Key": "run", "Value": "7"}]
    assert "Tags" not in job


def test_the_last_finite_value_of_a_metric_counts() -> None:
    now = datetime.now(UTC)
    definitions = [{"Name": "a", "Regex": r"a=(\S+)"}, {"Name": "line", "Regex": r"^b=(\d+)$"}]

    found = final_metrics("a=1\na=-2.5e-1\na=nan\na=much\nxb=1\nb=2\n", definitions, now)

    assert [(metric["MetricName"], metric["Value"]) for metric in found] == [("a", -0.25), ("line", 2.0)]
