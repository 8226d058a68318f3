"""Runs share warm JVMs one after the other, and nothing of one is found by the next."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from local.aws.__main__ import arguments
from local.aws.processes import marked
from local.aws.server import REGION, LocalAws
from local.aws.spark_conf import Cluster, SparkTuning
from local.aws.spark_pool import SparkPool, needs_its_own_jvm, settings_of
from local.process_trees import is_alive
from tests.local.aws.conftest import TUNING, client

ENDED = ("SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT")

OPEN = """
import json, os, sys
from pyspark.sql import SparkSession, functions as F
spark = SparkSession.builder.getOrCreate()
java = spark._jvm.java.lang
jvm = int(java.ProcessHandle.current().pid())
def report(**found):
    text = json.dumps({"jvm": jvm, "run": os.environ["RUN"], **found})
    path = spark._jvm.org.apache.hadoop.fs.Path("s3://pool/" + os.environ["RUN"] + ".json")
    out = path.getFileSystem(spark._jsc.hadoopConfiguration()).create(path, True)
    out.write(bytearray(text, "utf-8"))
    out.close()
"""


class Glue:
    """A local Glue with a pool of its own."""

    def __init__(self, server: LocalAws) -> None:
        self.server = server
        self.glue = client(server, "glue")
        self.s3 = client(server, "s3")
        self.s3.create_bucket(Bucket="pool", CreateBucketConfiguration={"LocationConstraint": REGION})
        self._runs = 0

    def start(self, script: str, arguments: dict[str, str] | None = None, **job: Any) -> tuple[str, str]:
        self._runs += 1
        name = f"run{self._runs}"
        body = f"import os; os.environ['RUN'] = {name!r}\n{OPEN}\n{script}"
        self.s3.put_object(Bucket="pool", Key=f"scripts/{name}.py", Body=body.encode())
        command = {"Name": "glueetl", "ScriptLocation": f"s3://pool/scripts/{name}.py"}
        self.glue.create_job(Name=name, Role="arn:aws:iam::123456789012:role/glue", Command=command, **job)
        return name, self.glue.start_job_run(JobName=name, Arguments=arguments or {})["JobRunId"]

    def state(self, name: str, run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.glue.get_job_run(JobName=name, RunId=run_id)["JobRun"]
        return found

    def wait(self, name: str, run_id: str, *states: str) -> dict[str, Any]:
        deadline = time.monotonic() + 120
        while (run := self.state(name, run_id))["JobRunState"] not in (states or ENDED):
            assert time.monotonic() < deadline, run
            time.sleep(0.05)
        return run

    def run(self, script: str, arguments: dict[str, str] | None = None, **job: Any) -> dict[str, Any]:
        return self.wait(*self.start(script, arguments, **job))

    def report(self, script: str, arguments: dict[str, str] | None = None) -> dict[str, Any]:
        """What a run that succeeds reports."""
        run = self.run(script, arguments)
        assert run["JobRunState"] == "SUCCEEDED", (run, self.log(run))
        body = self.s3.get_object(Bucket="pool", Key=f"{run['JobName']}.json")["Body"].read()
        found: dict[str, Any] = json.loads(body)
        return found

    def log(self, run: dict[str, Any]) -> str:
        return (self.server.state / "logs" / "glue" / f"{run['Id']}.log").read_text()

    def processes(self) -> set[int]:
        return {process.pid for process in marked(lambda mark: mark.startswith(f"{self.server.state}:"))}


@pytest.fixture(scope="module")
def shared(aws: LocalAws) -> Glue:
    return Glue(aws)


# In this order they share JVMs, as many tests after each other do.
@pytest.mark.spark
@pytest.mark.e2e
class TestOneAfterTheOther:
    READS = """
spark.conf.set("spark.sql.parquet.compression.codec", "zstd")
rows = spark.read.text("s3://pool/in/").collect()
report(rows=sorted(row.value for row in rows), here=os.getcwd())
spark.createDataFrame([(os.environ["RUN"],)], ["run"]).coalesce(1).write.mode("overwrite").json("s3://pool/out/")
"""

    def test_a_run_sees_the_buckets_as_they_are_at_its_own_start(self, shared: Glue) -> None:
        shared.s3.put_object(Bucket="pool", Key="in/a.txt", Body=b"first")
        first = shared.report(self.READS)
        shared.s3.put_object(Bucket="pool", Key="in/a.txt", Body=b"second")
        shared.s3.put_object(Bucket="pool", Key="in/b.txt", Body=b"more")
        second = shared.report(self.READS)

        assert (first["rows"], second["rows"]) == (["first"], ["more", "second"])
        assert first["jvm"] == second["jvm"]  # or nothing is shown here
        parts = shared.s3.list_objects_v2(Bucket="pool", Prefix="out/part")["Contents"]
        (out,) = [shared.s3.get_object(Bucket="pool", Key=part["Key"])["Body"].read() for part in parts]
        assert json.loads(out) == {"run": second["run"]}

    def test_conf_arguments_levels_and_properties_are_the_runs_own(self, shared: Glue) -> None:
        look = """
report(
    partitions=spark.conf.get("spark.sql.shuffle.partitions"),
    marker=spark.sparkContext.getConf().get("spark.highwater.marker", None),
    name=spark.sparkContext.appName,
    property=java.System.getProperty("of.the.run"),
    zone=spark._jvm.java.util.TimeZone.getDefault().getID(),
    level=str(spark._jvm.org.apache.logging.log4j.LogManager.getRootLogger().getLevel()),
    session=spark.conf.get("spark.sql.ansi.enabled"),
    views=[table.name for table in spark.catalog.listTables()],
)
"""
        change = """
java.System.setProperty("of.the.run", "1")
java.System.setProperty("spark.highwater.marker", "leaked")
spark._jvm.java.util.TimeZone.setDefault(spark._jvm.java.util.TimeZone.getTimeZone("Asia/Kolkata"))
spark.sparkContext.setLogLevel("INFO")
spark.conf.set("spark.sql.ansi.enabled", "true")
spark.range(3).createOrReplaceTempView("mine")
"""
        conf = {"--conf": "spark.sql.shuffle.partitions=9 --conf spark.highwater.marker=mine"}
        own = shared.report(look + change, conf)
        after = shared.report(look)

        assert (own["partitions"], own["marker"]) == ("9", "mine")
        assert own["jvm"] == after["jvm"]
        assert {key: after[key] for key in after if key not in ("jvm", "run", "name")} == {
            "partitions": "4",
            "marker": None,
            "property": None,
            "zone": "UTC",
            "level": "WARN",
            "session": "false",
            "views": [],
        }

    def test_each_jvm_has_so_many_runs(self, shared: Glue) -> None:
        look = """
from pyspark import SparkContext
report(references=SparkContext._gateway.java_gateway_server.getGateway().getBindings().size())
"""
        found = [shared.report(look)]
        # Up to the first run in the JVM after the next: the one between has been there from its first run to its last.
        while len({run["jvm"] for run in found}) < 3:
            assert len(found) < 4 * TUNING.runs_per_jvm
            found.append(shared.report(look))
        _, whole, last = dict.fromkeys(run["jvm"] for run in found)

        assert [lives(jvm) for jvm in (whole, last)] == [False, True]
        counts = [run["references"] for run in found if run["jvm"] == whole]
        assert len(counts) == TUNING.runs_per_jvm
        # Python's references to objects of the JVM: what a run has left there is no memory lost.
        assert max(counts) - min(counts) < 20

    def test_a_failed_runs_jvm_is_gone_before_it_is_reported_and_a_good_run_follows(
        self, shared: Glue
    ) -> None:
        failed = shared.run("print('jvm', jvm, flush=True)\nspark.read.parquet('s3://pool/none/')")
        jvm = int(shared.log(failed).split("jvm ")[1].split()[0])

        assert not lives(jvm)
        assert failed["ErrorMessage"] == (
            "pyspark.errors.exceptions.captured.AnalysisException: "
            "[PATH_NOT_FOUND] Path does not exist: s3://pool/none."
        )
        assert shared.report("report(count=spark.range(5).count())")["count"] == 5

    def test_a_stopped_run_leaves_neither_python_nor_jvm(self, shared: Glue) -> None:
        """In the middle of a stage with Python workers."""
        stuck = """
print("jvm", jvm, flush=True)
import time
spark.range(2).rdd.map(lambda row: time.sleep(600)).count()
"""
        shared.report("report()")  # so that it is a shared one
        name, run_id = shared.start(stuck)
        log = shared.server.state / "logs" / "glue" / f"{run_id}.log"
        wait_until(lambda: log.exists() and "jvm " in log.read_text())
        jvm = int(log.read_text().split("jvm ")[1].split()[0])
        wait_until(lambda: len(psutil.Process(jvm).children(recursive=True)) >= 2)
        shared.glue.batch_stop_job_run(JobName=name, JobRunIds=[run_id])
        shared.wait(name, run_id, "STOPPED")

        assert shared.processes() == set()
        assert shared.report("report(count=spark.range(5).count())")["count"] == 5

    def test_what_spark_says_is_in_the_log_of_the_run(self, shared: Glue) -> None:
        say = "spark._jvm.org.apache.logging.log4j.LogManager.getLogger('job').warn('run ' + os.environ['RUN'])\n"
        runs = [shared.run(say) for _ in range(2)]

        for run in runs:
            assert [f"run {other['JobName']}" in shared.log(run) for other in runs] == [
                other is run for other in runs
            ]

    def test_python_workers_have_the_environment_and_modules_of_the_run(self, shared: Glue) -> None:
        udf = """
import where
def seen(_):
    import os, where
    return json.dumps([os.environ.get("OF_THE_RUN"), os.environ["HOME"], where.VALUE])
report(here=[os.environ.get("OF_THE_RUN"), os.environ["HOME"], where.VALUE],
       there=json.loads(spark.range(1).rdd.map(seen).first()))
"""
        for value in ("1", "2"):
            shared.s3.put_object(Bucket="pool", Key="lib/where.py", Body=f"VALUE = {value}".encode())
            setting = {"--extra-py-files": "s3://pool/lib/where.py"}
            script = f"os.environ['OF_THE_RUN'] = {value!r}\n" if value == "1" else ""
            found = shared.report(f"{script}{udf}" if value == "2" else udf, setting)
            assert found["there"] == found["here"]
            assert found["there"][2] == int(value)

    def test_relative_paths_of_frames_are_the_scripts_directory(self, shared: Glue) -> None:
        for _ in range(2):
            script = "spark.range(3).write.json('mine')\nreport(files=os.listdir('mine'))"
            assert "_SUCCESS" in shared.report(script)["files"]

    def test_a_run_that_wants_another_jvm_has_its_own(self, shared: Glue) -> None:
        usual = shared.report("report()")
        memory = shared.report(
            "report(bytes=java.Runtime.getRuntime().maxMemory())", {"--conf": "spark.driver.memory=768m"}
        )

        assert 700 * 2**20 < memory["bytes"] < 800 * 2**20
        assert memory["jvm"] != usual["jvm"]
        assert not lives(memory["jvm"])

    def test_two_runs_at_once_have_a_jvm_each_and_one_is_kept(self, shared: Glue) -> None:
        both = """
import time
open_ = time.time()
time.sleep(3)
report(opened=open_, closed=time.time())
"""
        started = [shared.start(both) for _ in range(2)]
        ended = [shared.wait(*run) for run in started]
        found = [
            json.loads(shared.s3.get_object(Bucket="pool", Key=f"{run['JobName']}.json")["Body"].read())
            for run in ended
        ]

        assert max(run["opened"] for run in found) < min(run["closed"] for run in found)
        jvms = {run["jvm"] for run in found}
        assert len(jvms) == 2
        assert len([jvm for jvm in jvms if lives(jvm)]) == 1

    def test_an_idle_jvm_that_died_is_replaced(self, shared: Glue) -> None:
        jvm = shared.report("report()")["jvm"]
        os.kill(jvm, signal.SIGKILL)

        assert shared.report("report()")["jvm"] != jvm


def test_with_none_kept_warm_each_run_has_a_jvm_of_its_own(tmp_path: Path) -> None:
    """It finds nothing that leads to the pool, so its PySpark starts Spark's own spark-submit."""
    tuning = SparkTuning(warm_jvms=arguments(["--spark-warm-jvms", "0"]).spark_warm_jvms)
    pool = SparkPool(tmp_path, tuning, dict, str)

    assert pool.admit("run", cluster(tmp_path), tmp_path / "log") == {}
    pool.close()


def lives(pid: int) -> bool:
    return psutil.pid_exists(pid) and is_alive(psutil.Process(pid))


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def cluster(folder: Path, **own: str) -> Cluster:
    return Cluster.of(folder / "conf", folder / "s3", folder / "tmp", TUNING, own)


def test_settings_that_pyspark_hands_on_are_those_of_the_run(tmp_path: Path) -> None:
    of_run = cluster(tmp_path)
    words = ["--conf", "spark.app.name=a b", "--conf", "spark.x=y=z", *of_run.submit_words]

    assert settings_of(words, of_run) == {"spark.app.name": "a b", "spark.x": "y=z"}
    assert settings_of(["--jars", "a.jar", *of_run.submit_words], of_run) is None
    assert settings_of(["--conf", "spark.x=y", "pyspark-shell"], of_run) is None


@pytest.mark.parametrize(
    ("settings", "own"),
    [
        ({"spark.driver.memory": "2g", "spark.sql.shuffle.partitions": "3"}, False),
        ({"spark.driver.memory": "1g"}, True),
        ({"spark.driver.extraJavaOptions": "-Dx=y"}, True),
        ({"spark.jars.packages": "a:b:1"}, True),
    ],
)
def test_what_only_a_jvms_start_can_give_needs_a_jvm_of_its_own(settings: dict[str, str], own: bool) -> None:
    assert needs_its_own_jvm(settings, TUNING) is own
