"""Tuning jobs run real trials, side by side, stop the hopeless ones, and leave no process behind."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
from botocore.exceptions import ClientError

from local.aws.processes import kill_marked_by, marked
from local.aws.server import READY_FILE, REGION, LocalAws
from tests.local.aws.conftest import LAKE, ROLE, SCRIPTS, XGBOOST, archive

ENDED = ("Completed", "Failed", "Stopped")
# The loss is lowest at size 3.
PARABOLA = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--size", type=float); parser.add_argument("--kind", default="a")
given, _ = parser.parse_known_args()
print(f"metric loss={(given.size - 3) ** 2}")
"""
SLEEP = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print("up", flush=True)
time.sleep(600)
"""


def integers(name: str, low: float, high: float, scale: str = "Auto") -> dict[str, Any]:
    return {"Name": name, "MinValue": str(low), "MaxValue": str(high), "ScalingType": scale}


def categories(name: str, *values: str) -> dict[str, Any]:
    return {"Name": name, "Values": list(values)}


@pytest.fixture
def start(s3: Any, sagemaker: Any) -> Callable[..., str]:
    return beginner(s3, sagemaker)


def beginner(s3: Any, sagemaker: Any) -> Callable[..., str]:
    """Start a tuning job over a script's text. `config` and `definition` change their parts of the request."""

    def begin(
        script: str, ranges: dict[str, Any], config: Any = None, definition: Any = None, **request: Any
    ) -> str:
        name = request.pop("HyperParameterTuningJobName", f"h-{time.monotonic_ns()}")
        code = f"code/{name}/sourcedir.tar.gz"
        s3.put_object(Bucket=SCRIPTS, Key=code, Body=archive({"train.py": script}))
        metrics = [{"Name": "loss", "Regex": r"metric loss=(\S+)"}]
        algorithm = {"TrainingImage": XGBOOST, "TrainingInputMode": "File", "MetricDefinitions": metrics}
        source = {"sagemaker_program": "train.py", "sagemaker_submit_directory": f"s3://{SCRIPTS}/{code}"}
        sagemaker.create_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=name,
            HyperParameterTuningJobConfig={
                "Strategy": "Random",
                "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
                "ResourceLimits": {"MaxNumberOfTrainingJobs": 3, "MaxParallelTrainingJobs": 2},
                "ParameterRanges": ranges,
                "RandomSeed": 7,
                **(config or {}),
            },
            TrainingJobDefinition={
                "StaticHyperParameters": source,
                "AlgorithmSpecification": algorithm,
                "RoleArn": ROLE,
                "OutputDataConfig": {"S3OutputPath": f"s3://{LAKE}/models"},
                "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
                "StoppingCondition": {"MaxRuntimeInSeconds": 60},
                **(definition(algorithm, source) if definition else {}),
            },
            **request,
        )
        return name

    return begin


@pytest.fixture
def ended(sagemaker: Any) -> Callable[..., dict[str, Any]]:
    def wait(name: str, seconds: float = 60) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while True:
            job: dict[str, Any] = sagemaker.describe_hyper_parameter_tuning_job(
                HyperParameterTuningJobName=name
            )
            if job["HyperParameterTuningJobStatus"] in ENDED:
                return job
            assert time.monotonic() < deadline, f"still {job['HyperParameterTuningJobStatus']}"
            time.sleep(0.05)

    return wait


@pytest.fixture
def trials(sagemaker: Any) -> Callable[..., list[dict[str, Any]]]:
    def read(name: str, **wanted: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=name, MaxResults=100, **wanted
        )["TrainingJobSummaries"]
        return found

    return read


def processes_of(aws: LocalAws, name: str) -> list[psutil.Process]:
    mark, found = f"{aws.state}:TrainingJob/{name}", []
    for process in psutil.process_iter():
        try:
            if process.environ().get("HIGHWATER_LOCAL_PROCESS", "").startswith(mark):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def until(true: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_best_trial_is_the_one_with_the_lowest_loss(
    start: Any, ended: Any, trials: Any, sagemaker: Any
) -> None:
    ranges = {
        "IntegerParameterRanges": [integers("size", 1, 5)],
        "CategoricalParameterRanges": [categories("kind", "a", "b")],
    }
    name = start(
        PARABOLA, ranges, {"ResourceLimits": {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 2}}
    )

    job = ended(name)

    assert job["HyperParameterTuningJobStatus"] == "Completed", job
    found = trials(name)
    losses = {
        trial["TrainingJobName"]: (int(trial["TunedHyperParameters"]["size"]) - 3) ** 2 for trial in found
    }
    values = {t["TrainingJobName"]: t["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for t in found}
    assert (len(found), values) == (4, losses)
    best = job["BestTrainingJob"]
    assert best["FinalHyperParameterTuningJobObjectiveMetric"] == {
        "MetricName": "loss",
        "Value": min(losses.values()),
    }
    assert losses[best["TrainingJobName"]] == min(losses.values())
    assert job["TrainingJobStatusCounters"] == {
        "Completed": 4,
        "InProgress": 0,
        "RetryableError": 0,
        "NonRetryableError": 0,
        "Stopped": 0,
    }
    assert job["ObjectiveStatusCounters"] == {"Succeeded": 4, "Pending": 0, "Failed": 0}


def test_trials_are_training_jobs_that_get_their_values_as_on_aws(
    start: Any, ended: Any, trials: Any, sagemaker: Any, unpacked: Any
) -> None:
    script = """
import json, os, sys
print("metric loss=1")
config = json.load(open(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml") + "/input/config/hyperparameters.json"))
open(os.environ["SM_MODEL_DIR"] + "/got.json", "w").write(json.dumps({"argv": sys.argv[1:], "config": config}))
"""
    ranges = {
        "ContinuousParameterRanges": [integers("learning-rate", 0.03, 0.3, "Logarithmic")],
        "CategoricalParameterRanges": [categories("kind", '"512"', "b c")],
    }
    name = start(
        script, ranges, {"ResourceLimits": {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 9}}
    )

    described = ended(name)

    (trial,) = trials(name)
    job = sagemaker.describe_training_job(TrainingJobName=trial["TrainingJobName"])
    assert re.fullmatch(rf"{name}-001-[0-9a-f]{{8}}", job["TrainingJobName"])
    assert job["TuningJobArn"] == described["HyperParameterTuningJobArn"]
    assert job["HyperParameters"].items() >= trial["TunedHyperParameters"].items()
    assert job["HyperParameters"]["_tuning_objective_metric"] == "loss"
    assert job["TrainingJobStatus"] == trial["TrainingJobStatus"] == "Completed"
    tuned = trial["TunedHyperParameters"]
    assert tuned.keys() == {"learning-rate", "kind"}
    assert 0.03 <= float(tuned["learning-rate"]) <= 0.3
    got = json.loads(unpacked(job["ModelArtifacts"]["S3ModelArtifacts"])["got.json"])
    kind = {'"512"': "512", "b c": "b c"}[tuned["kind"]]
    assert got["argv"] == ["--kind", kind, "--learning-rate", tuned["learning-rate"]]
    assert got["config"] == job["HyperParameters"]
    shown = described["TrainingJobDefinition"]["StaticHyperParameters"]
    assert shown["_tuning_objective_metric"] == "loss"
    assert name in [
        listed["TrainingJobName"][: len(name)]
        for listed in sagemaker.list_training_jobs(NameContains=name)["TrainingJobSummaries"]
    ]


def test_as_many_run_at_once_as_are_wanted_and_as_there_are_cores(
    aws: LocalAws, start: Any, ended: Any, sagemaker: Any, tmp_path: Path
) -> None:
    """A trial ends only when the gate is open, so those that have begun until then run side by side."""
    script = f"""
import pathlib, sys, time
here = pathlib.Path({str(tmp_path)!r})
(here / sys.argv[sys.argv.index("--kind") + 1]).touch()
while not (here / "gate").exists():
    time.sleep(0.02)
print("metric loss=1")
"""
    kinds = ["a", "b", "c", "d"]
    config = {"Strategy": "Grid", "ResourceLimits": {"MaxParallelTrainingJobs": 2}}
    name = start(script, {"CategoricalParameterRanges": [categories("kind", *kinds)]}, config)
    expected = min(2, os.cpu_count() or 1)

    until(lambda: len(list(tmp_path.iterdir())) == expected)
    time.sleep(0.5)
    running = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    begun = {path.name for path in tmp_path.iterdir()}
    (tmp_path / "gate").touch()
    job = ended(name)

    assert begun == set(kinds[:expected])
    assert running["HyperParameterTuningJobStatus"] == "InProgress"
    assert running["TrainingJobStatusCounters"]["InProgress"] == expected
    assert running["ObjectiveStatusCounters"] == {"Succeeded": 0, "Pending": expected, "Failed": 0}
    assert "BestTrainingJob" not in running
    assert {path.name for path in tmp_path.iterdir()} == {*kinds, "gate"}
    assert job["TrainingJobStatusCounters"]["Completed"] == 4


def test_a_grid_is_tried_once_each(start: Any, ended: Any, trials: Any) -> None:
    ranges = {"CategoricalParameterRanges": [categories("size", "1", "2"), categories("kind", "a", "b")]}
    limits = {"MaxParallelTrainingJobs": 2, "MaxNumberOfTrainingJobs": 4}
    name = start(PARABOLA, ranges, {"Strategy": "Grid", "ResourceLimits": limits})

    ended(name)

    tried = [tuple(trial["TunedHyperParameters"][key] for key in ("size", "kind")) for trial in trials(name)]
    assert tried == [("1", "a"), ("1", "b"), ("2", "a"), ("2", "b")]


@pytest.mark.parametrize("strategy", ["Random", "Bayesian"])
def test_the_same_seed_tries_the_same_values(start: Any, ended: Any, trials: Any, strategy: str) -> None:
    ranges = {"ContinuousParameterRanges": [integers("size", 1, 500), integers("other", 0, 1, "Linear")]}

    def tried(seed: int) -> list[dict[str, str]]:
        limits = {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 1}
        name = start(PARABOLA, ranges, {"Strategy": strategy, "RandomSeed": seed, "ResourceLimits": limits})
        ended(name)
        return [trial["TunedHyperParameters"] for trial in trials(name)]

    first = tried(1)
    assert first == tried(1)
    assert first != tried(2)


def test_a_hopeless_trial_is_stopped_early_and_its_processes_with_it(
    aws: LocalAws, start: Any, ended: Any, trials: Any
) -> None:
    """The first trial's losses are 1.0, 0.5, 0.25; the second one's start lower, are worse at the third epoch, and it
    would then run for ten minutes."""
    script = """
import subprocess, sys, time
kind = sys.argv[sys.argv.index("--kind") + 1]
if kind == "good":
    print("metric loss=1.0\\nmetric loss=0.5\\nmetric loss=0.25")
if kind == "bad":
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    print("metric loss=0.9\\nmetric loss=0.7\\nmetric loss=0.6", flush=True)
    time.sleep(600)
if kind == "better":
    for loss in (0.9, 0.7, 0.5):
        print(f"metric loss={loss}", flush=True)
        time.sleep(0.3)
"""
    config = {
        "Strategy": "Grid",
        "ResourceLimits": {"MaxParallelTrainingJobs": 1},
        "TrainingJobEarlyStoppingType": "Auto",
    }
    name = start(
        script, {"CategoricalParameterRanges": [categories("kind", "good", "bad", "better")]}, config
    )

    job = ended(name)

    found = {trial["TunedHyperParameters"]["kind"]: trial for trial in trials(name)}
    states = {kind: trial["TrainingJobStatus"] for kind, trial in found.items()}
    assert states == {"good": "Completed", "bad": "Stopped", "better": "Completed"}
    assert found["bad"]["ObjectiveStatus"] == "Succeeded"
    assert found["bad"]["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] == pytest.approx(0.6)
    assert job["TrainingJobStatusCounters"]["Stopped"] == 1
    assert job["BestTrainingJob"]["TunedHyperParameters"] == {"kind": "good"}
    assert processes_of(aws, name) == []


def test_without_early_stopping_a_bad_trial_runs_to_its_end(start: Any, ended: Any, trials: Any) -> None:
    script = """
import sys, time
kind = sys.argv[sys.argv.index("--kind") + 1]
print("metric loss=" + {"good": "0.1", "bad": "9"}[kind], flush=True)
time.sleep(0.5)
"""
    config = {"Strategy": "Grid", "ResourceLimits": {"MaxParallelTrainingJobs": 1}}
    name = start(script, {"CategoricalParameterRanges": [categories("kind", "good", "bad")]}, config)

    assert ended(name)["TrainingJobStatusCounters"]["Completed"] == 2


def test_stop_kills_all_trials_and_no_other_starts(
    aws: LocalAws, start: Any, ended: Any, trials: Any, sagemaker: Any
) -> None:
    limits = {"MaxNumberOfTrainingJobs": 8, "MaxParallelTrainingJobs": 2}
    name = start(SLEEP, {"IntegerParameterRanges": [integers("size", 1, 99)]}, {"ResourceLimits": limits})
    side_by_side = min(2, os.cpu_count() or 1)
    until(lambda: len(processes_of(aws, name)) >= 2 * side_by_side)

    sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    at_once = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    job = ended(name)

    assert at_once["HyperParameterTuningJobStatus"] in ("Stopping", "Stopped")
    assert job["HyperParameterTuningJobStatus"] == "Stopped"
    assert [trial["TrainingJobStatus"] for trial in trials(name)] == ["Stopped"] * side_by_side
    assert job["TrainingJobStatusCounters"]["Stopped"] == side_by_side
    assert "HyperParameterTuningEndTime" in job
    assert processes_of(aws, name) == []
    with pytest.raises(ClientError, match="is in status Stopped") as over:
        sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    assert over.value.response["Error"]["Code"] == "ValidationException"


def test_a_failed_trial_does_not_fail_the_job(start: Any, ended: Any, trials: Any) -> None:
    script = """
import sys
if sys.argv[sys.argv.index("--kind") + 1] == "bad":
    raise ValueError("no such kind")
print("metric loss=0.5")
"""
    config = {"Strategy": "Grid", "ResourceLimits": {"MaxParallelTrainingJobs": 2}}
    name = start(script, {"CategoricalParameterRanges": [categories("kind", "bad", "good")]}, config)

    job = ended(name)

    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert job["BestTrainingJob"]["TunedHyperParameters"] == {"kind": "good"}
    assert job["TrainingJobStatusCounters"]["NonRetryableError"] == 1
    assert job["ObjectiveStatusCounters"] == {"Succeeded": 1, "Pending": 0, "Failed": 1}
    (failed,) = trials(name, StatusEquals="Failed")
    assert failed["FailureReason"] == "AlgorithmError: ValueError: no such kind"


def test_five_failed_trials_are_enough(start: Any, ended: Any, trials: Any) -> None:
    limits = {"MaxNumberOfTrainingJobs": 20, "MaxParallelTrainingJobs": 1}
    name = start(
        "raise SystemExit('x')",
        {"IntegerParameterRanges": [integers("size", 1, 99)]},
        {"ResourceLimits": limits},
    )

    job = ended(name)

    assert job["HyperParameterTuningJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("No training job succeeded after 5 attempts.")
    assert len(trials(name)) == 5


def test_trials_without_the_metric_fail_the_job_with_a_word_about_it(start: Any, ended: Any) -> None:
    limits = {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 2}
    name = start("", {"IntegerParameterRanges": [integers("size", 1, 99)]}, {"ResourceLimits": limits})

    job = ended(name)

    assert job["HyperParameterTuningJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("No objective metrics found after running 2 training jobs.")
    assert job["ObjectiveStatusCounters"]["Failed"] == 2


def test_maximising(start: Any, ended: Any, trials: Any) -> None:
    config = {
        "Strategy": "Grid",
        "ResourceLimits": {"MaxParallelTrainingJobs": 2},
        "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "loss"},
    }
    name = start(PARABOLA, {"CategoricalParameterRanges": [categories("size", "4", "1", "3")]}, config)

    best = ended(name)["BestTrainingJob"]

    assert best["TunedHyperParameters"] == {"size": "1"}
    assert best["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] == 4


def test_a_name_is_taken_for_good(start: Any, ended: Any) -> None:
    ranges = {"CategoricalParameterRanges": [categories("size", "1")]}
    config = {"Strategy": "Grid", "ResourceLimits": {"MaxParallelTrainingJobs": 1}}
    name = start(PARABOLA, ranges, config)
    ended(name)

    with pytest.raises(ClientError, match=f"with the name, {name}, already exists") as taken:
        start(PARABOLA, ranges, config, HyperParameterTuningJobName=name)

    assert taken.value.response["Error"]["Code"] == "ResourceInUse"


def test_trials_are_listed_by_value_state_and_page(
    start: Any, ended: Any, trials: Any, sagemaker: Any
) -> None:
    script = PARABOLA + "\nif given.size == 9: raise SystemExit('too large')"
    ranges = {"CategoricalParameterRanges": [categories("size", "1", "9", "3", "2")]}
    name = start(
        script.replace("print(", "given.size == 9 or print("),
        ranges,
        {"Strategy": "Grid", "ResourceLimits": {"MaxParallelTrainingJobs": 2}},
    )
    ended(name)

    def sizes(**wanted: Any) -> list[str]:
        return [trial["TunedHyperParameters"]["size"] for trial in trials(name, **wanted)]

    assert sizes() == ["1", "9", "3", "2"]
    assert sizes(SortBy="FinalObjectiveMetricValue") == ["3", "2", "1"]
    assert sizes(SortBy="FinalObjectiveMetricValue", SortOrder="Descending") == ["1", "2", "3"]
    assert sizes(StatusEquals="Failed") == ["9"]
    page = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job
    first = page(HyperParameterTuningJobName=name, MaxResults=3)
    rest = page(HyperParameterTuningJobName=name, MaxResults=3, NextToken=first["NextToken"])
    assert (len(first["TrainingJobSummaries"]), len(rest["TrainingJobSummaries"])) == (3, 1)
    assert "NextToken" not in rest


def test_tuning_jobs_are_listed_and_their_tags_kept(start: Any, ended: Any, sagemaker: Any) -> None:
    ranges = {"CategoricalParameterRanges": [categories("size", "1")]}
    config = {"Strategy": "Grid", "ResourceLimits": {"MaxParallelTrainingJobs": 1}}
    name = start(PARABOLA, ranges, config, Tags=[{"Key": "run", "Value": "7"}])
    job = ended(name)

    (listed,) = sagemaker.list_hyper_parameter_tuning_jobs(NameContains=name)[
        "HyperParameterTuningJobSummaries"
    ]

    assert listed["HyperParameterTuningJobStatus"] == "Completed"
    assert (listed["Strategy"], listed["TrainingJobStatusCounters"]["Completed"]) == ("Grid", 1)
    assert sagemaker.list_tags(ResourceArn=job["HyperParameterTuningJobArn"])["Tags"] == [
        {"Key": "run", "Value": "7"}
    ]


def test_a_tuning_job_that_is_not_there(sagemaker: Any) -> None:
    for action in (
        sagemaker.describe_hyper_parameter_tuning_job,
        sagemaker.stop_hyper_parameter_tuning_job,
        sagemaker.list_training_jobs_for_hyper_parameter_tuning_job,
    ):
        with pytest.raises(ClientError, match="can't find a tuning job called nowhere") as missing:
            action(HyperParameterTuningJobName="nowhere")
        assert missing.value.response["Error"]["Code"] == "ResourceNotFound"


SIZE = {"IntegerParameterRanges": [integers("size", 1, 5)]}


@pytest.mark.parametrize(
    ("ranges", "config", "why"),
    [
        ({}, {}, "at least one in ParameterRanges"),
        ({"IntegerParameterRanges": [integers("size", 5, 1)]}, {}, "must not be above its MaxValue"),
        ({"IntegerParameterRanges": [integers("size", 1.5, 2)]}, {}, "must each be an integer"),
        ({"ContinuousParameterRanges": [integers("size", 0, 1, "Logarithmic")]}, {}, "greater than 0"),
        ({"ContinuousParameterRanges": [integers("size", 0, 1, "ReverseLogarithmic")]}, {}, "0 <= x < 1"),
        ({**SIZE, "CategoricalParameterRanges": [categories("size", "a")]}, {}, "must be unique"),
        (
            {"IntegerParameterRanges": [integers("sagemaker_program", 1, 2)]},
            {},
            "both in StaticHyperParameters and",
        ),
        (SIZE, {"Strategy": "Grid"}, "categorical hyperparameters only"),
        (
            {"CategoricalParameterRanges": [categories("size", "1")]},
            {"Strategy": "Grid"},
            "grid has 1 combinations",
        ),
        (SIZE, {"ResourceLimits": {"MaxParallelTrainingJobs": 1}}, "MaxNumberOfTrainingJobs is required"),
        (
            SIZE,
            {"HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "auc"}},
            "Provide a metric in the metric definitions",
        ),
    ],
)
def test_what_aws_refuses(start: Any, sagemaker: Any, ranges: Any, config: Any, why: str) -> None:
    name = f"no-{time.monotonic_ns()}"
    with pytest.raises(ClientError, match=why) as refused:
        start(PARABOLA, ranges, config, HyperParameterTuningJobName=name)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    with pytest.raises(ClientError, match="can't find"):
        sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)


def test_a_name_that_is_too_long_is_refused(start: Any) -> None:
    with pytest.raises(ClientError, match="failed to satisfy constraint"):
        start(PARABOLA, SIZE, HyperParameterTuningJobName="n" * 33)


@pytest.mark.filterwarnings("ignore:Exception.Local")
@pytest.mark.parametrize(
    ("config", "definition", "more", "why"),
    [
        ({"Strategy": "Hyperband"}, {}, {}, "not by Hyperband"),
        (
            {"TuningJobCompletionCriteria": {"TargetObjectiveMetricValue": 0.1}},
            {},
            {},
            "TuningJobCompletionCriteria",
        ),
        (
            {"ResourceLimits": {"MaxParallelTrainingJobs": 1, "MaxRuntimeInSeconds": 600}},
            {},
            {},
            "does not limit a tuning job's MaxRuntimeInSeconds",
        ),
        ({}, {}, {"Autotune": {"Mode": "Enabled"}}, "does not honour Autotune"),
        ({}, {"RetryStrategy": {"MaximumRetryAttempts": 2}}, {}, "does not honour RetryStrategy"),
        ({}, {"EnableManagedSpotTraining": True}, {}, "does not honour EnableManagedSpotTraining"),
    ],
)
def test_what_can_not_be_honoured_is_refused(
    start: Any, config: Any, definition: Any, more: Any, why: str
) -> None:
    with pytest.raises(ClientError, match=why):
        start(PARABOLA, SIZE, config, lambda *_: definition, **more)


@pytest.fixture
def other_server(tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """`python -m local.aws` on a state of this test's own; killed at its end."""
    started: list[subprocess.Popen[bytes]] = []

    def begin() -> subprocess.Popen[bytes]:
        (tmp_path / READY_FILE).unlink(missing_ok=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        command = [sys.executable, "-m", "local.aws", "--port", port, "--state", str(tmp_path)]
        started.append(subprocess.Popen(command, cwd=Path(__file__).parents[3], stdout=subprocess.DEVNULL))
        until(lambda: (tmp_path / READY_FILE).exists())
        return started[-1]

    yield begin
    for server in started:
        server.kill()
        server.wait()
    kill_marked_by(str(tmp_path), grace=1)


def of_state(state: Path) -> int:
    return len(marked(lambda mark: mark.startswith(f"{state}:")))


@pytest.mark.e2e
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_server_that_ends_leaves_no_trial(
    other_server: Callable[[], subprocess.Popen[bytes]], tmp_path: Path, how: signal.Signals
) -> None:
    """A killed server can not end its trials; the next one does."""
    first = other_server()
    url = json.loads((tmp_path / READY_FILE).read_text())["url"]

    def there(name: str) -> Any:
        given = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
        return boto3.client(name, endpoint_url=url, region_name=REGION, **given)  # type: ignore[call-overload]

    s3 = there("s3")
    for bucket in (SCRIPTS, LAKE):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    limits = {"MaxNumberOfTrainingJobs": 50, "MaxParallelTrainingJobs": 2}
    beginner(s3, there("sagemaker"))(SLEEP, SIZE, {"ResourceLimits": limits})
    until(lambda: of_state(tmp_path) >= 2 * min(2, os.cpu_count() or 1))

    first.send_signal(how)
    first.wait(timeout=20)
    if how is signal.SIGKILL:
        assert of_state(tmp_path) > 0
        other_server()

    assert of_state(tmp_path) == 0
    time.sleep(0.5)
    assert of_state(tmp_path) == 0
