"""A Spark JVM that serves Glue runs one after another, each with its own SparkContext.

Spark reads its settings from the JVM's system properties when a context is created, so a run's settings are set before
it attaches. State that Spark and Hadoop keep longer than a context is reset after each run: `test_spark_pool.py` lists it.
"""

from __future__ import annotations

import struct
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyspark
from py4j.java_gateway import GatewayParameters, JavaGateway
from py4j.protocol import GATEWAY_SERVER_OBJECT_ID

from local.aws.failure_message import tail
from local.aws.job_runner import CannotRunError
from local.aws.processes import MARK_VARIABLE, descendants, kill_tree
from local.process_trees import is_alive

SPARK_HOME = Path(pyspark.__file__).parent
_POLL_SECONDS = 0.05
_ANSWER_SECONDS = 30.0
_WORKERS_END_SECONDS = 10.0
_GATEWAYS_OWN = [GATEWAY_SERVER_OBJECT_ID, "j"]


@dataclass(frozen=True)
class Attachment:
    """The settings and the log of one run."""

    properties: Mapping[str, str]
    log: Path


class SparkJvm:
    """A JVM process, started by the constructor. `kill` may be called at any time, from any thread."""

    def __init__(self, directory: Path, submit: Sequence[str], env: Mapping[str, str], mark: str) -> None:
        self.uses = 0
        self.directory = directory
        self._mark = mark
        self._log = directory / "jvm.log"
        self._connection = directory / "connection"
        self._port, self._secret = 0, ""
        work = directory / "work"
        work.mkdir()
        self._own_properties: dict[str, str] = {}
        self._log.touch()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(SPARK_HOME / "bin" / "spark-submit"), *submit],
                env={
                    **env,
                    "HOME": str(work),
                    "SPARK_HOME": str(SPARK_HOME),
                    "_PYSPARK_DRIVER_CONN_INFO_PATH": str(self._connection),
                    MARK_VARIABLE: mark,
                },
                cwd=work,
                stdin=subprocess.PIPE,  # Spark's gateway exits when this is closed: no JVM outlives this process
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def port(self) -> int:
        return self._port

    @property
    def secret(self) -> str:
        return self._secret

    @property
    def lives(self) -> bool:
        return self._process.poll() is None

    def wait_until_ready(self, seconds: float) -> None:
        if self._port:
            return
        deadline = time.monotonic() + seconds
        while not self._connection.exists():
            if not self.lives:
                raise CannotRunError(f"Spark's JVM ended before it was ready:\n{tail(self._log)}")
            if time.monotonic() > deadline:
                raise CannotRunError(f"Spark's JVM was not ready within {seconds:.0f} s:\n{tail(self._log)}")
            time.sleep(_POLL_SECONDS)
        content = self._connection.read_bytes()
        self._port, length = struct.unpack_from("!ii", content)
        self._secret = content[8 : 8 + length].decode()
        with self._control() as java:
            self._own_properties = dict(java.jvm.java.lang.System.getProperties())

    def attach(self, run: Attachment) -> None:
        """Prepare the JVM for one run: set its properties, and send Spark's output to its log."""
        self.uses += 1
        with self._control() as java:
            jvm = java.jvm
            properties = jvm.java.util.Properties()
            properties.putAll({**self._own_properties, **run.properties})
            jvm.java.lang.System.setProperties(properties)
            _redirect(jvm, run.log)

    def reset(self) -> None:
        """Stop the context, and clear what contexts and scripts left in the JVM. Raises if that fails."""
        with self._control() as java:
            jvm = java.jvm
            active = _scala(jvm.org.apache.spark, "SparkContext").getActive()
            if active.isDefined():
                active.get().stop()
            _scala(jvm.org.apache.spark.sql, "SparkSession").clearDefaultSession()
            _scala(
                jvm.org.apache.spark.util, "Utils"
            ).clearLocalRootDirs()  # Spark caches its scratch directories
            jvm.org.apache.hadoop.fs.FileSystem.closeAll()  # cached by bucket, with the last run's root
            jvm.java.util.TimeZone.setDefault(None)
            jvm.org.apache.logging.log4j.core.config.Configurator.reconfigure()  # undoes setLogLevel
            _redirect(jvm, self._log)
            # The gateway keeps an object until Python releases it, which a process that has ended never does.
            java.java_gateway_server.getGateway().getBindings().keySet().retainAll(_GATEWAYS_OWN)
        self._wait_for_workers()

    def kill(self) -> None:
        kill_tree(self._mark, 0, root=self.pid if self.lives else None)
        with suppress(BrokenPipeError):
            self._process.communicate()

    def _wait_for_workers(self) -> None:
        """Wait for the Python workers to exit. Stopping the context told them to."""
        deadline = time.monotonic() + _WORKERS_END_SECONDS
        while left := [
            process for process in descendants(self.pid) if process.pid != self.pid and is_alive(process)
        ]:
            if time.monotonic() > deadline:
                raise CannotRunError(f"{len(left)} processes of the run outlived it")
            time.sleep(_POLL_SECONDS)

    @contextmanager
    def _control(self) -> Iterator[JavaGateway]:
        parameters = GatewayParameters(
            port=self._port,
            auth_token=self._secret,
            auto_convert=True,
            read_timeout=_ANSWER_SECONDS,
            # `reset` drops the references. py4j's finalizers may run at any time and call a JVM that is gone.
            enable_memory_management=False,
        )
        gateway = JavaGateway(gateway_parameters=parameters)
        try:
            yield gateway
        finally:
            gateway.close()


def _scala(package: Any, name: str) -> Any:
    """The instance of a Scala object."""
    return getattr(getattr(package, f"{name}$"), "MODULE$")


def _redirect(jvm: Any, log: Path) -> None:
    stream = jvm.java.io.PrintStream(jvm.java.io.FileOutputStream(str(log), True), True)
    jvm.java.lang.System.setOut(stream)
    jvm.java.lang.System.setErr(stream)
