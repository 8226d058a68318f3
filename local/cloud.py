"""The local cloud: its parts, the order in which they start, and the guarantees of `up` and `down`."""

from __future__ import annotations

import fcntl
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from local import resource_kinds, resources
from local.bootstrap import Bootstrap
from local.environment import environment
from local.part import Part, answers, has_worker_online
from local.ports import refuse_taken_ports
from local.prefect_database import keep_template, use_template
from local.progress import Report, silent
from local.settings import ENV_PREFIX, LOOPBACK, LocalSettings
from local.steps import Step, run
from local.supervisor import Status, Supervisor

# What has to be there before a part is started.
_AFTER = {"worker": ("work pool",), "inbox-listener": ("deployments",)}


class AlreadyUnderWay(Exception):
    """Another `up` or `down` is running on the same state directory."""


@dataclass(frozen=True)
class Cloud:
    settings: LocalSettings

    @property
    def environment(self) -> dict[str, str]:
        return environment(self.settings)

    def status(self) -> list[Status]:
        supervisor = Supervisor(self.settings)
        return [supervisor.status(part) for part in declared_parts(self.settings)]


def declared_parts(settings: LocalSettings) -> tuple[Part, ...]:
    python = sys.executable
    aws = Part(
        name="aws",
        argv=(
            python,
            "-m",
            "local.aws",
            "--port",
            str(settings.aws_port),
            "--state",
            str(settings.aws_state),
            "--logs",
            str(settings.logs),
        ),
        is_ready=answers(f"{settings.aws_url}/moto-api/config"),
        port=settings.aws_port,
        port_setting=f"{ENV_PREFIX}AWS_PORT",
        address=settings.aws_url,
    )
    snowflake = Part(
        name="snowflake",
        argv=(
            *(python, "-m", "local.snowflake", "--port", str(settings.snowflake_port)),
            *("--state", str(settings.snowflake_state), "--aws-endpoint", settings.aws_url),
            *("--memory", settings.snowflake_memory),
        ),
        is_ready=answers(f"{settings.snowflake_url}/health"),
        port=settings.snowflake_port,
        port_setting=f"{ENV_PREFIX}SNOWFLAKE_PORT",
        address=settings.snowflake_url,
    )
    prefect = Part(
        name="prefect",
        argv=(
            *(python, "-m", "prefect", "--no-prompt", "server", "start"),
            *("--host", LOOPBACK, "--port", str(settings.prefect_port)),
        ),
        is_ready=answers(f"{settings.prefect_api_url}/health"),
        port=settings.prefect_port,
        port_setting=f"{ENV_PREFIX}PREFECT_PORT",
        address=settings.prefect_url,
    )
    worker = worker_of(resources.WORK_POOL, "worker", settings)
    listener = (listener_of(settings),) if settings.inbox_listener else ()
    return aws, snowflake, prefect, worker, *listener


def worker_of(pool: resource_kinds.WorkPool, name: str, settings: LocalSettings) -> Part:
    command = "deployments.worker" if pool.type == "ecs" else "prefect"
    return Part(
        name=name,
        argv=(
            *(sys.executable, "-m", command, "--no-prompt", "worker", "start", "--name", "local"),
            *("--pool", pool.name, "--type", pool.type),
        ),
        is_ready=has_worker_online(settings.prefect_api_url, pool.name),
        environment={"PREFECT_WORKER_QUERY_SECONDS": "1"},
    )


def listener_of(settings: LocalSettings) -> Part:
    return Part(
        name="inbox-listener",
        argv=(sys.executable, "-m", "deployments.inbox_listener"),
        is_ready=answers(f"{settings.listener_url}/ready"),
        port=settings.listener_port,
        port_setting=f"{ENV_PREFIX}LISTENER_PORT",
        address=settings.listener_url,
        environment={"HIGHWATER_LISTENER_PORT": str(settings.listener_port)},
    )


def up(settings: LocalSettings | None = None, report: Report = silent) -> Cloud:
    """Start all parts and create what resources.py declares. Does nothing to parts that run already.

    If it fails or is interrupted, it stops what it has started.
    """
    settings = settings or LocalSettings()
    supervisor = Supervisor(settings)
    parts = declared_parts(settings)
    with _alone(settings), _interruptible():
        missing = [part for part in parts if not supervisor.runs(part)]
        starts_afresh = "aws" in {part.name for part in missing}
        if starts_afresh:
            _stop_leftovers(supervisor, parts, report)
            missing = list(parts)
        for part in parts:
            if part not in missing:
                report(f"{part.name} already runs on {part.address or 'Prefect'}")
        refuse_taken_ports(missing)
        if missing:
            report(f"starting {', '.join(part.name for part in missing)}")
        if starts_afresh:
            _empty(settings)
        try:
            run(_start_up(settings, supervisor, missing, report))
        except BaseException:
            report("stopping what was started")
            if starts_afresh:
                supervisor.stop_everything()
            else:
                supervisor.stop_started()
            raise
    return Cloud(settings)


def down(settings: LocalSettings | None = None, report: Report = silent) -> None:
    """Stop all processes of the local cloud, including flow runs and Spark. Does nothing if none runs."""
    settings = settings or LocalSettings()
    with _alone(settings):
        stopped = Supervisor(settings).stop_everything()
    report(f"stopped {stopped} processes" if stopped else "nothing was running")


def _start_up(
    settings: LocalSettings, supervisor: Supervisor, missing: list[Part], report: Report
) -> list[Step]:
    """Start the parts concurrently where possible. On two cores the CPU time of imports is the limit."""
    bootstrap = Bootstrap(settings, supervisor, report)
    started = {part.name: part for part in missing}

    def starts(name: str) -> Step:
        def action(cancelled: threading.Event) -> None:
            if part := started.get(name):
                if name == "prefect":
                    use_template(settings)
                seconds = supervisor.start(part, cancelled)
                report(f"{name} is ready {f'on {part.address}' if part.address else ''} ({seconds:.1f} s)")

        return Step(name, action, after=_AFTER.get(name, ()))

    return [
        starts("prefect"),
        starts("aws"),
        starts("snowflake"),
        Step("prefect template", lambda _: keep_template(settings), after=("prefect",)),
        Step("work pool", bootstrap.create_work_pool, after=("prefect", "prefect template")),
        starts("worker"),
        Step("aws resources", bootstrap.create_aws_resources, after=("aws",)),
        Step("warehouse", bootstrap.create_warehouse, after=("aws resources", "snowflake")),
        Step("shop", bootstrap.create_shop, after=("warehouse",)),
        Step("deployments", bootstrap.register_deployments, after=("work pool", "aws resources")),
        starts("inbox-listener"),
    ]


def _stop_leftovers(supervisor: Supervisor, parts: tuple[Part, ...], report: Report) -> None:
    """Stop every process if AWS is gone: a warehouse that knows more than the empty lake would be wrong."""
    if any(supervisor.process(part) for part in parts):
        report("aws is gone and its buckets with it: lake, warehouse and run history start empty again")
    supervisor.stop_everything()


def _empty(settings: LocalSettings) -> None:
    for directory in (settings.aws_state, settings.snowflake_state, settings.prefect_state, settings.run):
        if directory.exists():
            shutil.rmtree(directory)
    for directory in (settings.aws_state, settings.snowflake_state, settings.prefect_state, settings.logs):
        directory.mkdir(parents=True, exist_ok=True)


@contextmanager
def _alone(settings: LocalSettings) -> Iterator[None]:
    settings.state.mkdir(parents=True, exist_ok=True)
    path = settings.state / "lock"
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyUnderWay(
                f"another `up` or `down` is at work in {settings.state}: wait until it is done"
            ) from None
        yield


@contextmanager
def _interruptible() -> Iterator[None]:
    """End `up` on SIGTERM or a closed terminal as on Ctrl-C: everything it started is stopped."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
