"""The warm process of one variant: it loads the model once, answers requests, and is started again if it dies."""

from __future__ import annotations

import http.client
import os
import shutil
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from local.aws.failure_message import failure_message
from local.aws.job_runner import CannotRunError
from local.aws.processes import Command, ProcessTree
from local.aws.sagemaker import model_files
from local.aws.sagemaker.images import Environment
from local.aws.sagemaker.job import SageMakerSettings
from local.aws.sagemaker.model_files import CODE, MODEL
from local.aws.sagemaker.models import Container
from local.aws.sagemaker.opt_ml import OptMl, Program

log = structlog.get_logger()

HOST = "127.0.0.1"
PROGRAMS = ("model_host.py", "model_server.py")
POLL_SECONDS = 0.02
PING_SECONDS = 2.0
INVOCATION_SECONDS = 60.0
RESTART_SECONDS = 0.5
LONGEST_RESTART_SECONDS = 30.0
HEALTHY_SECONDS = 10.0


@dataclass(frozen=True)
class Answer:
    """The model's response. Status 0 means that there was none, as AWS counts it."""

    status: int
    content_type: str
    body: bytes
    microseconds: float


@dataclass(frozen=True)
class HostPlan:
    """What a variant runs: its name in logs and directories, the model, and how long it may take to come up."""

    name: str
    mark: str
    container: Container
    environment: Environment
    startup_seconds: float


class ModelHost:
    """`start` returns at once; `ready` waits until the model is loaded, and says why if it can't be."""

    def __init__(self, plan: HostPlan, settings: SageMakerSettings, grace: float) -> None:
        self._plan = plan
        self._settings = settings
        self._grace = grace
        self._ml = OptMl(settings.root("Endpoint", plan.name), settings.isolated)
        self._log = settings.log("Endpoint", plan.name)
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._tree: ProcessTree | None = None
        self._connections: _Connections | None = None
        self._changed = threading.Event()
        self._reason: str | None = None
        self._thread = threading.Thread(target=self._keep_up, name=f"host-{plan.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def ready(self) -> str | None:
        """Wait until the model answers /ping. Returns the reason if it does not."""
        self._changed.wait()
        return self._reason

    @property
    def is_up(self) -> bool:
        return self._connections is not None

    def ask(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        connections = self._connections
        started = time.perf_counter()
        if connections is None:
            return Answer(503, "text/plain", b"the container is not running", 0.0)
        try:
            status, kind, content = connections.post(body, headers)
        except TimeoutError:
            status, kind = 0, "text/plain"
            content = (
                b"Your invocation timed out while waiting for a response from container primary. Review the latency "
                b"metrics for each container in Amazon CloudWatch, resolve the issue, and try again."
            )
        except (OSError, http.client.HTTPException) as error:
            status, kind = 0, "text/plain"
            content = f"the container died with the request: {error or type(error).__name__}".encode()
        return Answer(status, kind, content, (time.perf_counter() - started) * 1e6)

    def stop(self) -> None:
        """Kill the process and its descendants, and wait until they are gone."""
        with self._lock:
            self._stopping.set()
            tree = self._tree
        if tree is not None:
            tree.stop()
        if self._thread.is_alive():
            self._thread.join(self._grace + 10)
        shutil.rmtree(self._ml.root, ignore_errors=True)

    def _keep_up(self) -> None:
        try:
            command = self._staged()
        except CannotRunError as error:
            self._settle(str(error))
            return
        except Exception as error:
            log.exception("endpoint_host_failed", host=self._plan.name)
            self._settle(f"the local cloud could not start it: {type(error).__name__}: {error}")
            return
        pause = RESTART_SECONDS
        while not self._stopping.is_set():
            exit_code, seconds = self._run_once(command)
            if not self._changed.is_set():  # it never came up
                self._settle(failure_message(command.log, exit_code))
                return
            if not self._stopping.is_set():
                pause = (
                    RESTART_SECONDS if seconds > HEALTHY_SECONDS else min(pause * 2, LONGEST_RESTART_SECONDS)
                )
                log.warning(
                    "endpoint_host_died", host=self._plan.name, exit_code=exit_code, log=str(self._log)
                )
                self._stopping.wait(pause)
        self._settle("stopped")

    def _run_once(self, command: Command) -> tuple[int, float]:
        """Run the process to its end. Returns its exit code and how many seconds it ran."""
        port_file = self._port_file()
        port_file.unlink(missing_ok=True)
        with self._lock:
            if self._stopping.is_set():
                return 0, 0.0
            self._tree = tree = ProcessTree(command, self._plan.mark, self._grace)
        over, started = threading.Event(), time.monotonic()
        watcher = threading.Thread(
            target=self._watch_start,
            args=(port_file, over, tree),
            name=f"start-{self._plan.name}",
            daemon=True,
        )
        watcher.start()
        ending = tree.run(lambda: None)
        over.set()
        watcher.join()
        self._connections = None
        return ending.exit_code, time.monotonic() - started

    def _watch_start(self, port_file: Path, over: threading.Event, tree: ProcessTree) -> None:
        """Open connections to the process once it answers /ping. Stop it if that takes too long."""
        deadline = time.monotonic() + self._plan.startup_seconds
        while not over.wait(POLL_SECONDS):
            if port_file.exists():
                connections = _Connections(int(port_file.read_text()))
                if connections.ping():
                    self._connections = connections
                    self._settle(None)
                    return
            if time.monotonic() > deadline:
                tree.stop()
                return

    def _settle(self, reason: str | None) -> None:
        if not self._changed.is_set():
            self._reason = reason
            self._changed.set()

    def _port_file(self) -> Path:
        return self._ml.root / "port"

    def _staged(self) -> Command:
        container, ml = self._plan.container, self._ml
        self._plan.environment.check_installed()
        shutil.rmtree(ml.root, ignore_errors=True)
        ml.root.mkdir(parents=True)
        self._log.unlink(missing_ok=True)
        module = model_files.stage(ml, self._plan.environment, container.model_data, container.environment)
        for name in PROGRAMS:
            (ml.root / name).write_bytes(Path(__file__).with_name(name).read_bytes())
        words = ["python3", str(ml.root / PROGRAMS[0]), "--module", module, "--parent", str(os.getpid())]
        words += ["--model", MODEL, "--code", CODE, "--port-file", str(self._port_file())]
        program = Program(words, {**container.environment, "SM_MODEL_DIR": MODEL}, cwd=CODE)
        # With EnableNetworkIsolation it has no credentials. It keeps the network, through which it is asked.
        credentials = {} if container.offline else self._settings.aws_environment
        return Command(
            argv=ml.argv(program),
            env=ml.environment(program, self._plan.environment.python, credentials),
            cwd=ml.cwd(program),
            log=self._log,
        )


class _Connections:
    """Open connections to one process, kept for the next request."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[http.client.HTTPConnection] = []

    def ping(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self._port, timeout=PING_SECONDS)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def post(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, str, bytes]:
        connection = self._taken()
        try:
            connection.request("POST", "/invocations", body, dict(headers))
            response = connection.getresponse()
            content = response.read()
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        return response.status, response.headers.get("Content-Type", ""), content

    def _taken(self) -> http.client.HTTPConnection:
        try:
            return self._idle.pop()
        except IndexError:
            return http.client.HTTPConnection(HOST, self._port, timeout=INVOCATION_SECONDS)
