"""Tuning jobs through the ledger, on the local SageMaker: never doubled, stopped with their trials, judged by the best."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.aws.server import LocalAws
from tasks.errors import DataError, SystemFault
from tasks.jobs import external_jobs, sagemaker, sagemaker_tuning
from tasks.leases import job_entry, lease
from tasks.leases.job_entry import JobEntry
from tasks.services import aws
from tests.tasks.local_sagemaker import BUCKET, job_processes, local_sagemaker, put_source
from tests.tasks.lost_answers import lost

IMAGE = "720646828776.dkr.ecr.ap-south-1.amazonaws.com/sagemaker-xgboost:3.2-0"
LOSS = """
import sys
print("metric loss=" + sys.argv[sys.argv.index("--size") + 1])
"""
SLEEP = "import time\nprint('up', flush=True)\ntime.sleep(600)"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    with local_sagemaker(tmp_path_factory.mktemp("aws")) as server:
        yield server


@pytest.fixture
def work(server: LocalAws) -> str:
    """Work of this test's own."""
    return f"tune/{time.monotonic_ns():024x}"


def request(script: str) -> dict[str, Any]:
    return {
        "HyperParameterTuningJobConfig": {
            "Strategy": "Grid",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
            "ResourceLimits": {"MaxParallelTrainingJobs": 2},
            "ParameterRanges": {"CategoricalParameterRanges": [{"Name": "size", "Values": ["2", "1"]}]},
        },
        "TrainingJobDefinition": {
            "StaticHyperParameters": {
                "sagemaker_program": "train.py",
                "sagemaker_submit_directory": put_source({"train.py": script}),
            },
            "AlgorithmSpecification": {
                "TrainingImage": IMAGE,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "loss", "Regex": r"metric loss=(\S+)"}],
            },
            "RoleArn": "arn:aws:iam::123456789012:role/sagemaker",
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        },
    }


def run(work: str, script: str = LOSS, owner: str = "flow-1") -> JobEntry:
    return external_jobs.run(sagemaker.TUNING, "churn-tune", work, lambda _: request(script), owner)


def claim(work: str, owner: str = "flow-1") -> JobEntry:
    entry = job_entry.claim(work, sagemaker.TUNING, "churn-tune", owner)
    assert entry
    return entry


def under_way(work: str, owner: str) -> JobEntry:
    """A tuning job that `owner` started and then waits for no more."""
    entry = lease.renew(claim(work, owner), status="STARTING")
    job = external_jobs.SERVICES[sagemaker.TUNING].start(entry, request(SLEEP))
    return lease.renew(entry, status="RUNNING", external_id=job)


def tuning_jobs() -> list[str]:
    found = aws.sagemaker().list_hyper_parameter_tuning_jobs(MaxResults=100)[
        "HyperParameterTuningJobSummaries"
    ]
    return [job["HyperParameterTuningJobName"] for job in found]


def until(true: Callable[[], Any], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_work_is_tuned_once_and_its_best_trial_is_the_result(work: str) -> None:
    entry = run(work)
    assert entry.status == "SUCCEEDED"
    assert re.fullmatch(r"churn-tune-[0-9a-f]{16}-1", entry.external_id or "")
    assert run(work, owner="flow-2").external_id == entry.external_id
    assert tuning_jobs().count(entry.external_id or "") == 1

    best = sagemaker_tuning.best_trial(entry.external_id or "")

    assert (best.tuned, best.objective) == ({"size": "1"}, 1.0)
    assert best.job.startswith(f"{entry.external_id}-002-")
    assert best.model_data == f"s3://{BUCKET}/models/{best.job}/output/model.tar.gz"
    bucket, key = aws.split(best.model_data)
    assert aws.s3().head_object(Bucket=bucket, Key=key)["ContentLength"] > 0


def test_a_start_that_is_repeated_meets_its_own_job(work: str) -> None:
    entry = lease.renew(claim(work), status="STARTING")
    service = external_jobs.SERVICES[sagemaker.TUNING]
    assert service.find(entry) == []
    first = service.start(entry, request(LOSS))
    assert service.start(entry, request(LOSS)) == first
    assert service.find(entry) == [first]
    assert run(work).external_id == first
    assert tuning_jobs().count(first) == 1


def test_killed_between_the_start_and_the_note(work: str) -> None:
    def die() -> None:
        raise KeyboardInterrupt

    with lost(aws.sagemaker(), "CreateHyperParameterTuningJob", then=die), pytest.raises(KeyboardInterrupt):
        run(work, owner="killed")
    assert job_entry.get(work).external_id is None  # type: ignore[union-attr]
    entry = run(work, owner="killed")
    assert (entry.attempt, tuning_jobs().count(entry.external_id or "")) == (1, 1)


def test_a_lost_answer_is_no_second_job(work: str) -> None:
    with lost(aws.sagemaker(), "CreateHyperParameterTuningJob") as sent:
        entry = run(work)
    assert len(sent) == 2
    assert (entry.attempt, tuning_jobs().count(entry.external_id or "")) == (1, 1)


def test_a_cancelled_run_stops_all_trials(work: str, server: LocalAws) -> None:
    entry = under_way(work, "cancelled")
    until(lambda: job_processes(server))

    assert external_jobs.stop_owned("cancelled") == [entry.external_id]

    assert job_entry.get(work).status == "STOPPED"  # type: ignore[union-attr]
    until(lambda: not job_processes(server))
    service = external_jobs.SERVICES[sagemaker.TUNING]
    until(lambda: service.look(entry).status == "STOPPED")
    service.stop(entry, entry.external_id or "")  # once more: it is over, and that is no failure
    with pytest.raises(SystemFault, match=r"ended Stopped: .* run it again"):
        raise service.look(entry).failure or AssertionError


def test_an_orphan_is_stopped_with_its_trials(work: str, server: LocalAws) -> None:
    entry = under_way(work, "killed")
    until(lambda: job_processes(server))

    assert external_jobs.release_orphans("other", lambda owner: owner == "killed") == [entry.external_id]

    until(lambda: not job_processes(server))


def test_a_failure_names_why_the_trials_failed(work: str) -> None:
    trial = r"churn-tune-\w+-1-00\d-\w+: AlgorithmError: ValueError: no rows"
    why = rf"ended Failed: No training job succeeded after 2 attempts\..*; {trial}"
    with pytest.raises(SystemFault, match=why) as failed:
        run(work, "raise ValueError('no rows')")
    assert str(failed.value).count("no rows") == 1  # both trials failed alike
    assert run(work).attempt == 2


def test_the_trials_own_data_error_keeps_its_kind(work: str) -> None:
    with pytest.raises(DataError, match="3 due customers"):
        run(work, "class DataError(Exception): ...\nraise DataError('3 due customers')")


def test_a_name_that_sagemaker_would_refuse_is_refused_here(work: str) -> None:
    entry = job_entry.claim(work, sagemaker.TUNING, "customer-churn-tune", "mine")
    assert entry
    with pytest.raises(ValueError, match="longer than the 32 characters"):
        sagemaker.job_name(entry)
