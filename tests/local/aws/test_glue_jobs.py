"""Glue job runs are local processes with true outcomes. The scripts here are not Spark: the runner does not care."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError

from local.aws.glue_jobs import run_request
from local.aws.server import LocalAws

SLEEP = "import time\nprint('up', flush=True)\ntime.sleep(600)"
REPORT = """
import boto3, json, os, sys
report = {"argv": sys.argv[1:], "path": sys.path, "env": dict(os.environ), "cwd": os.getcwd()}
boto3.client("s3").put_object(Bucket="lake", Key="report.json", Body=json.dumps(report))
"""


def test_the_script_gets_the_defaults_the_runs_arguments_and_its_own_names(run_job: Any, s3: Any) -> None:
    run = run_job(
        REPORT, {"--day": "2025-01-05", "--mode": "late"}, defaults={"--mode": "daily", "--flag": ""}
    )

    assert run["JobRunState"] == "SUCCEEDED", run
    report = json.loads(s3.get_object(Bucket="lake", Key="report.json")["Body"].read())
    assert report["argv"] == [
        *("--JOB_NAME", run["JobName"]),
        *("--JOB_RUN_ID", run["Id"]),
        *("--mode", "late"),
        *("--flag", ""),
        *("--day", "2025-01-05"),
    ]
    assert run["Arguments"] == {"--mode": "late", "--flag": "", "--day": "2025-01-05"}


def test_non_overridable_arguments_win(run_job: Any) -> None:
    run = run_job("", {"--a": "run"}, defaults={"--a": "job"}, NonOverridableArguments={"--a": "fixed"})

    assert run["Arguments"] == {"--a": "fixed"}


def test_the_script_sees_neither_the_repository_nor_this_machines_settings(
    run_job: Any, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIGHWATER_LAKE_BUCKET", "leaked")
    monkeypatch.setenv("PREFECT_API_URL", "leaked")
    monkeypatch.setenv("AWS_PROFILE", "leaked")

    assert run_job(REPORT)["JobRunState"] == "SUCCEEDED"
    report = json.loads(s3.get_object(Bucket="lake", Key="report.json")["Body"].read())
    assert "leaked" not in report["env"].values()
    repository = Path(__file__).parents[3]
    assert (repository / "local").is_dir()
    assert str(repository) not in report["path"]
    assert report["cwd"] not in report["path"]


def test_a_module_that_was_not_shipped_is_missing(run_job: Any) -> None:
    run = run_job("import contracts")

    assert (run["JobRunState"], run["ErrorMessage"]) == (
        "FAILED",
        "ModuleNotFoundError: No module named 'contracts'",
    )


def test_extra_py_files_are_importable(run_job: Any, s3: Any, tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "shipped.zip", "w") as archive:
        archive.writestr("shipped_package/__init__.py", "VALUE = 3")
    s3.upload_file(str(tmp_path / "shipped.zip"), "scripts", "shipped.zip")
    s3.put_object(Bucket="scripts", Key="lib/shipped_module.py", Body=b"VALUE = 4")

    run = run_job(
        "import shipped_package, shipped_module\nassert shipped_package.VALUE + shipped_module.VALUE == 7",
        defaults={"--extra-py-files": "s3://scripts/shipped.zip, s3://scripts/lib/shipped_module.py"},
    )

    assert run["JobRunState"] == "SUCCEEDED", run


def test_an_exception_is_the_error_message(run_job: Any) -> None:
    run = run_job("def f():\n    raise ValueError('no column named sku_code')\nf()")

    assert run["JobRunState"] == "FAILED"
    assert run["ErrorMessage"] == "ValueError: no column named sku_code"


def test_sys_exit_with_a_text_is_the_error_message(run_job: Any) -> None:
    run = run_job("import sys\nsys.exit('the manifest names no dataset')")

    assert run["ErrorMessage"] == "the script ended with exit code 1: the manifest names no dataset"


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("s3://scripts/none.py", "s3://scripts/none.py does not exist: upload it before the run"),
        ("s3://nowhere/none.py", "s3://nowhere/none.py: there is no bucket 'nowhere'"),
        ("none.py", "'none.py' is not the s3:// address of a file"),
    ],
)
def test_an_unknown_script_fails_the_run(run_job: Any, location: str, message: str) -> None:
    run = run_job("", Command={"Name": "glueetl", "ScriptLocation": location})

    assert (run["JobRunState"], run["ErrorMessage"]) == ("FAILED", message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"--extra-jars": "s3://a/b.jar"}, "does not support --extra-jars"),
        ({"--job-bookmark-option": "job-bookmark-enable"}, "keeps no bookmarks"),
        ({"--additional-python-modules": "pandas==0.1"}, "'pandas==0.1': the local environment has"),
        ({"--additional-python-modules": "no-such-thing"}, "'no-such-thing' is not in the local environment"),
        ({"--conf": "shuffle=4"}, "is not of the form spark.key=value"),
    ],
)
def test_what_the_local_glue_can_not_honour_fails_the_run(
    run_job: Any, arguments: dict[str, str], message: str
) -> None:
    run = run_job("", arguments)

    assert run["JobRunState"] == "FAILED"
    assert message in run["ErrorMessage"]


def test_modules_that_the_environment_has_are_accepted(run_job: Any) -> None:
    assert run_job("", {"--additional-python-modules": "pandas>=2,moto==5.2.5"})["JobRunState"] == "SUCCEEDED"


def test_states_and_times_are_true(glue: Any, new_job: Any, wait_for: Any) -> None:
    name = new_job("import time\ntime.sleep(2)")
    began = time.monotonic()
    run_id = glue.start_job_run(JobName=name)["JobRunId"]

    first = glue.get_job_run(JobName=name, RunId=run_id)["JobRun"]
    assert first["JobRunState"] in ("STARTING", "RUNNING")
    assert "CompletedOn" not in first
    wait_for(name, run_id, "RUNNING")
    done = wait_for(name, run_id, "SUCCEEDED")
    seconds = (done["CompletedOn"] - done["StartedOn"]).total_seconds()
    assert 2 <= seconds <= time.monotonic() - began
    assert 2 <= done["ExecutionTime"] <= round(seconds)  # without the time before it ran
    assert "ErrorMessage" not in done


def test_a_run_over_its_timeout_ends_as_timeout(run_job: Any) -> None:
    run = run_job(SLEEP, Timeout=1)

    assert run["JobRunState"] == "TIMEOUT"
    assert run["ErrorMessage"] == "Job run exceeded its timeout of 1 minutes."
    assert run["Timeout"] == 1


def test_the_runs_timeout_wins_over_the_jobs(glue: Any, new_job: Any, wait_for: Any) -> None:
    name = new_job(SLEEP, Timeout=600)
    run_id = glue.start_job_run(JobName=name, Timeout=1)["JobRunId"]

    assert wait_for(name, run_id, "TIMEOUT")["Timeout"] == 1


def test_concurrent_runs_are_limited_and_listed_newest_first(glue: Any, new_job: Any, wait_for: Any) -> None:
    name = new_job(SLEEP, ExecutionProperty={"MaxConcurrentRuns": 2})
    runs = [glue.start_job_run(JobName=name)["JobRunId"] for _ in range(2)]

    with pytest.raises(glue.exceptions.ConcurrentRunsExceededException):
        glue.start_job_run(JobName=name)
    for run_id in runs:
        wait_for(name, run_id, "RUNNING")
    assert [run["Id"] for run in glue.get_job_runs(JobName=name)["JobRuns"]] == runs[::-1]

    glue.batch_stop_job_run(JobName=name, JobRunIds=runs[:1])
    wait_for(name, runs[0], "STOPPED")
    third = glue.start_job_run(JobName=name)["JobRunId"]
    glue.batch_stop_job_run(JobName=name, JobRunIds=[runs[1], third])
    wait_for(name, third, "STOPPED")


def test_batch_stop_kills_the_tree_also_what_left_its_group(
    glue: Any, s3: Any, new_job: Any, wait_for: Any
) -> None:
    name = new_job(
        "import boto3, json, os, subprocess, sys, time\n"
        "argv = [sys.executable, '-c', 'import time; time.sleep(600)']\n"
        "pids = [subprocess.Popen(argv).pid, subprocess.Popen(argv, start_new_session=True).pid, os.getpid()]\n"
        "boto3.client('s3').put_object(Bucket='lake', Key='pids.json', Body=json.dumps(pids))\n"
        "time.sleep(600)\n"
    )
    run_id = glue.start_job_run(JobName=name)["JobRunId"]
    pids = _wait_for_json(s3, "pids.json")

    answer = glue.batch_stop_job_run(JobName=name, JobRunIds=[run_id, "jr_unknown"])

    assert answer["SuccessfulSubmissions"] == [{"JobName": name, "JobRunId": run_id}]
    assert answer["Errors"][0]["ErrorDetail"]["ErrorCode"] == "EntityNotFoundException"
    run = wait_for(name, run_id, "STOPPED")
    assert "ErrorMessage" not in run
    assert [pid for pid in pids if _alive(pid)] == []
    again = glue.batch_stop_job_run(JobName=name, JobRunIds=[run_id])
    assert again["Errors"][0]["ErrorDetail"]["ErrorCode"] == "InvalidInputException"


def test_what_a_script_leaves_running_is_killed_at_its_end(run_job: Any, s3: Any) -> None:
    run = run_job(
        "import boto3, json, subprocess, sys\n"
        "argv = [sys.executable, '-c', 'import time; time.sleep(600)']\n"
        "pid = subprocess.Popen(argv, start_new_session=True).pid\n"
        "boto3.client('s3').put_object(Bucket='lake', Key='left.json', Body=json.dumps([pid]))\n"
    )

    assert run["JobRunState"] == "SUCCEEDED"
    assert not _alive(_wait_for_json(s3, "left.json")[0])


def test_the_log_stays_and_the_runs_directory_goes(aws: LocalAws, run_job: Any) -> None:
    run = run_job("print('rows: 12')")

    state = aws.state
    assert (state / "logs" / "glue" / f"{run['Id']}.log").read_text() == "rows: 12\n"
    deadline = time.monotonic() + 10
    while (state / "glue" / "runs" / run["Id"]).exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_job_is_created_once(glue: Any, new_job: Any) -> None:
    name = new_job("")
    command = glue.get_job(JobName=name)["Job"]["Command"]
    same = {"Name": name, "Role": "arn:aws:iam::123456789012:role/glue", "DefaultArguments": {}}

    assert glue.create_job(**same, Command=command)["Name"] == name
    with pytest.raises(glue.exceptions.IdempotentParameterMismatchException):
        glue.create_job(**same, Command=command, Timeout=3)


def test_a_job_gets_a_new_definition_and_keeps_its_runs(glue: Any, new_job: Any, run_job: Any) -> None:
    name = new_job("", Timeout=3, DefaultArguments={"--code_version": "a"})
    before = glue.get_job(JobName=name)["Job"]
    run_id = glue.start_job_run(JobName=name)["JobRunId"]

    definition = {"Role": before["Role"], "Command": before["Command"]}
    answer = glue.update_job(
        JobName=name, JobUpdate={**definition, "DefaultArguments": {"--code_version": "b"}}
    )

    assert answer["JobName"] == name
    after = glue.get_job(JobName=name)["Job"]
    assert after["DefaultArguments"] == {"--code_version": "b"}
    assert "Timeout" not in after  # what the update leaves out is no more
    (run,) = glue.get_job_runs(JobName=name)["JobRuns"]
    assert (run["Id"], run["Arguments"]) == (run_id, {"--code_version": "a"})
    with pytest.raises(glue.exceptions.InvalidInputException, match="does not update"):
        glue.update_job(JobName=name, JobUpdate={**definition, "Connections": {"Connections": ["c"]}})
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.update_job(JobName="never-made", JobUpdate=definition)


def test_automatic_retries_are_refused(glue: Any) -> None:
    with pytest.raises(glue.exceptions.InvalidInputException, match="MaxRetries must be 0"):
        glue.create_job(Name="retrying", Role="r", Command={"Name": "glueetl"}, MaxRetries=1)


def test_an_unknown_job_is_not_found(glue: Any) -> None:
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.start_job_run(JobName="never-made")


def test_stock_behaviour_of_the_request_is_kept() -> None:
    class Job:
        name, command, default_arguments, non_overridable_arguments = (
            "j",
            {"Name": "glueetl"},
            {"--a": "1"},
            None,
        )
        timeout, glue_version, worker_type, number_of_workers = None, "5.1", "G.1X", 2
        max_capacity = security_configuration = notification_property = None

    request = run_request(Job(), {"JobName": "j", "Arguments": {"--b": "2"}, "NumberOfWorkers": 4})

    assert request.arguments == {"--a": "1", "--b": "2"}
    assert request.reported == {"WorkerType": "G.1X", "NumberOfWorkers": 4, "GlueVersion": "5.1"}
    assert request.timeout_minutes == 480


def _wait_for_json(s3: Any, key: str) -> list[int]:
    deadline = time.monotonic() + 30
    while True:
        try:
            found: list[int] = json.loads(s3.get_object(Bucket="lake", Key=key)["Body"].read())
            return found
        except ClientError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def _alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
