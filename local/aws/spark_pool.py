"""A pool of warm JVMs for the local Glue. A job of a few thousand rows needs a third of the CPU in a used JVM.

A run leases a JVM when its script starts Spark: PySpark finds a stub (`spark_home`) in place of spark-submit, and the
stub asks the pool. A JVM serves one run at a time. After a success it is kept for the next run, up to a number of
runs. After a failure, a stop or a timeout it is killed. A run that needs other JVM settings (memory, Java options,
jars) or a second JVM starts it itself.
"""

from __future__ import annotations

import secrets
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from py4j.protocol import Py4JError

from local.aws.job_runner import CannotRunError
from local.aws.spark_conf import Cluster, SparkTuning
from local.aws.spark_desk import SparkDesk
from local.aws.spark_home.lease import CONNECTION, POOL
from local.aws.spark_jvm import SPARK_HOME, Attachment, SparkJvm

log = structlog.get_logger()

STANDIN = Path(__file__).parent / "spark_home"
# Settings that only take effect when a JVM starts, or that spark-submit itself handles.
JVM_SETTINGS = (
    "spark.driver.memory",
    "spark.driver.extra",
    "spark.driver.defaultJavaOptions",
    "spark.driver.userClassPathFirst",
    "spark.jars",
    "spark.files",
    "spark.archives",
    "spark.submit.",
)
_START_SECONDS = 120.0
_IDLE_SECONDS = 300.0
# Variables that are only for starting Spark. They are not passed to its Python workers.
_NOT_FOR_WORKERS = (POOL, CONNECTION, "SPARK_HOME", "PYSPARK_SUBMIT_ARGS")
_OVER = "this run is over: it gets no JVM"


@dataclass
class _OpenRun:
    run_id: str
    cluster: Cluster
    log: Path
    lock: threading.Lock = field(default_factory=threading.Lock)
    has_asked: bool = False
    jvm: SparkJvm | None = None
    is_over: bool = False


class SparkPool:
    """The pool. `environment` returns a JVM's whole environment. `mark` marks its process for the next server to kill."""

    def __init__(
        self,
        directory: Path,
        tuning: SparkTuning,
        environment: Callable[[], Mapping[str, str]],
        mark: Callable[[str], str],
        idle_seconds: float = _IDLE_SECONDS,
    ) -> None:
        self._directory = directory
        self._tuning = tuning
        self._environment = environment
        self._mark = mark
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._runs: dict[str, _OpenRun] = {}  # by the token that their processes send
        self._idle: list[SparkJvm] = []
        self._started = 0
        self._is_closed = False
        self._desk = SparkDesk(self._answer)

    def admit(self, run_id: str, cluster: Cluster, log: Path) -> dict[str, str]:
        """Register a run. Returns the environment variables that lead its PySpark to the pool."""
        if not self._tuning.warm_jvms:
            return {}
        token = secrets.token_hex(32)
        with self._lock:
            self._runs[token] = _OpenRun(run_id, cluster, log)
        return {"SPARK_HOME": str(STANDIN), POOL: f"{self._desk.port}:{token}"}

    def end(self, run_id: str, *, succeeded: bool) -> None:
        """End a run. When this returns, its JVM is reset and ready for the next run, or dead."""
        with self._lock:
            over = {token: run for token, run in self._runs.items() if run.run_id == run_id}
            for token in over:
                del self._runs[token]
        for run in over.values():
            with run.lock:
                run.is_over = True
            if run.jvm is not None:
                self._take_back(run.jvm, succeeded)

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            runs, idle = list(self._runs.values()), list(self._idle)
            self._runs.clear()
            self._idle.clear()
        self._desk.close()
        for run in runs:
            with run.lock:
                run.is_over = True
        for jvm in [*idle, *(run.jvm for run in runs if run.jvm)]:
            self._discard(jvm)

    @property
    def idle(self) -> list[int]:
        """Process ids of the idle JVMs."""
        with self._lock:
            return [jvm.pid for jvm in self._idle]

    def _answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        with self._lock:
            run = self._runs.get(request["token"])
        if run is None:
            return {"error": _OVER}
        settings = settings_of(request["arguments"], run.cluster)
        with run.lock:
            is_first, run.has_asked = not run.has_asked, True
        if (
            not is_first
            or settings is None
            or needs_its_own_jvm({**run.cluster.own, **settings}, self._tuning)
        ):
            return {"spark_home": str(SPARK_HOME)}
        workers = {k: v for k, v in request["environment"].items() if k not in _NOT_FOR_WORKERS}
        properties = {
            **run.cluster.settings,
            **{f"spark.executorEnv.{name}": value for name, value in workers.items()},
            **settings,
            "user.dir": request["directory"],
        }
        try:
            jvm = self._lease(run, Attachment(properties, run.log))
        except CannotRunError as error:
            return {"error": str(error)}
        return {"port": jvm.port, "secret": jvm.secret}

    def _lease(self, run: _OpenRun, attachment: Attachment) -> SparkJvm:
        while True:
            jvm = self._next_for(run)
            is_new = jvm.uses == 0
            try:
                jvm.wait_until_ready(_START_SECONDS)
                jvm.attach(attachment)
            except (CannotRunError, Py4JError, OSError) as error:
                self._discard(jvm)
                if is_new:
                    raise CannotRunError(f"no JVM for Spark: {error}") from error
                log.warning("idle_jvm_lost", pid=jvm.pid, error=str(error))
            else:
                return jvm

    def _next_for(self, run: _OpenRun) -> SparkJvm:
        """An idle or a new JVM. It is assigned to the run before it is ready, so that ending the run kills it."""
        with run.lock:
            if run.is_over:
                raise CannotRunError(_OVER)
            with self._lock:
                run.jvm = self._idle.pop() if self._idle else None
            run.jvm = run.jvm or self._start()
            return run.jvm

    def _start(self) -> SparkJvm:
        with self._lock:
            if self._is_closed:
                raise CannotRunError("the local cloud is going down")
            self._started += 1
            name = f"jvm-{self._started}"
        directory = self._directory / name
        (directory / "s3").mkdir(parents=True)
        (directory / "tmp").mkdir()
        cluster = Cluster.of(directory / "conf", directory / "s3", directory / "tmp", self._tuning, {})
        cluster.write()
        return SparkJvm(directory, cluster.submit_words, self._environment(), self._mark(name))

    def _take_back(self, jvm: SparkJvm, succeeded: bool) -> None:
        if succeeded and jvm.uses < self._tuning.runs_per_jvm and self._is_reset(jvm):
            with self._lock:
                is_kept = not self._is_closed and len(self._idle) < self._tuning.warm_jvms
                if is_kept:
                    self._idle.append(jvm)
            if is_kept:
                self._discard_when_idle_for_long(jvm)
                return
        self._discard(jvm)

    def _is_reset(self, jvm: SparkJvm) -> bool:
        try:
            jvm.reset()
        except (CannotRunError, Py4JError, OSError) as error:
            log.warning("jvm_not_reset", pid=jvm.pid, error=str(error))
            return False
        return True

    def _discard(self, jvm: SparkJvm) -> None:
        jvm.kill()
        shutil.rmtree(jvm.directory, ignore_errors=True)

    def _discard_when_idle_for_long(self, jvm: SparkJvm) -> None:
        """Kill the JVM if it stays idle too long, as it holds about a gigabyte of memory."""
        uses = jvm.uses

        def look() -> None:
            with self._lock:
                if jvm not in self._idle or jvm.uses != uses:
                    return
                self._idle.remove(jvm)
            self._discard(jvm)

        timer = threading.Timer(self._idle_seconds, look)
        timer.daemon = True
        timer.start()


def settings_of(arguments: Sequence[str], cluster: Cluster) -> dict[str, str] | None:
    """The settings in PySpark's call of spark-submit. None if the script has changed the arguments."""
    own = len(cluster.submit_words)
    if list(arguments[-own:]) != cluster.submit_words:
        return None
    words = list(arguments[:-own])
    if any(option != "--conf" for option in words[::2]) or len(words) % 2:
        return None
    return dict(word.split("=", 1) for word in words[1::2])


def needs_its_own_jvm(settings: Mapping[str, str], tuning: SparkTuning) -> bool:
    given = {"spark.driver.memory": tuning.driver_memory}
    return any(
        name.startswith(JVM_SETTINGS) and given.get(name) != setting for name, setting in settings.items()
    )
