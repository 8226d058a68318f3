"""The local AWS server: start it, get its URL, stop it."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import threading
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, Literal

import boto3
import structlog
from botocore.config import Config
from moto.cloudwatch.models import cloudwatch_backends
from moto.core import DEFAULT_ACCOUNT_ID

from local.aws import (
    ecs_tasks,
    glue_catalog,
    glue_jobs,
    glue_script,
    ledger_writes,
    refusals,
    role_trust,
    s3_objects,
    stack_parameters,
)
from local.aws.actions import Overrides
from local.aws.checkpoints import Checkpoints
from local.aws.ecs_task import EcsSettings
from local.aws.glue_runs import GlueSettings
from local.aws.job_runner import JobRunner
from local.aws.moto_http import HOST, http_server, moto_application
from local.aws.sagemaker import service as sagemaker
from local.aws.sagemaker.endpoint_records import Records
from local.aws.sagemaker.endpoint_runtime import Invocations
from local.aws.sagemaker.endpoint_service import Endpoints
from local.aws.sagemaker.feature_store import FeatureStore
from local.aws.sagemaker.job import SageMakerSettings
from local.aws.sagemaker.opt_ml import can_isolate
from local.aws.spark_conf import SparkTuning
from local.aws.spark_pool import SparkPool
from local.aws.staging import BodyCache
from local.settings import REPOSITORY

log = structlog.get_logger()

REGION = "ap-south-1"
READY_FILE = "aws.ready"


class AwsPortTakenError(Exception):
    pass


class LocalAws:
    """moto on 127.0.0.1, extended. Port 0 picks a free port. `seconds_per_minute` shortens Glue's timeouts."""

    def __init__(
        self,
        port: int,
        state: Path,
        tuning: SparkTuning | None = None,
        seconds_per_minute: float = 60.0,
        stop_grace: float = 5.0,
        isolated: bool = True,
        logs: Path | None = None,
        offline_store_seconds: float = 1.0,
    ) -> None:
        """`isolated=False` turns mount namespaces off for SageMaker jobs, even if the system supports them.

        `offline_store_seconds` is how late rows of feature groups reach S3.
        """
        self._isolated = isolated
        self.state = state.resolve()
        self._logs = (logs or self.state / "logs").resolve()
        self._tuning = tuning or SparkTuning()
        self._seconds_per_minute = seconds_per_minute
        self._offline_store_seconds = offline_store_seconds
        self._overrides = Overrides()
        self._socket = _listen(port)
        self._server: Any = None
        self._thread: threading.Thread | None = None
        self._pool: SparkPool | None = None
        self._feature_store: FeatureStore | None = None
        self._endpoints: Endpoints | None = None
        self._records: Records | None = None
        self.runner = JobRunner(owner=str(self.state), grace=stop_grace)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._socket.getsockname()[1]}"

    @property
    def environment(self) -> Mapping[str, str]:
        """Environment variables that make a program use this server, and never the real AWS."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def start(self) -> None:
        """Start the server. It answers requests when this returns."""
        self._clear_state()
        self._feature_store = FeatureStore(self._client("s3"), self._offline_store_seconds)
        checkpoints = self._install(self._feature_store)
        application = checkpoints.before(self._feature_store.before(moto_application()))
        application = self._invocations().before(application)
        port = self._socket.getsockname()[1]
        self._server = http_server(application, port, self._socket.fileno())
        self._thread = threading.Thread(target=self._server.serve_forever, name="aws", daemon=True)
        self._thread.start()
        ready = self.state / READY_FILE
        ready.write_text(f'{{"pid": {os.getpid()}, "url": "{self.url}"}}\n')
        log.info("aws_ready", url=self.url, state=str(self.state))

    def stop(self) -> None:
        (self.state / READY_FILE).unlink(missing_ok=True)
        self.runner.close()
        if self._feature_store is not None:
            self._feature_store.close()
        if self._endpoints is not None:
            self._endpoints.close()
        if self._records is not None:
            self._records.close()
        if self._pool is not None:
            self._pool.close()
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join(timeout=5)
            self._server.server_close()
        self._socket.close()
        self._overrides.undo()
        log.info("aws_stopped")

    def _clear_state(self) -> None:
        """Kill the processes and delete the files of an earlier server. They are stale, as moto starts empty."""
        self.state.mkdir(parents=True, exist_ok=True)
        (self.state / READY_FILE).unlink(missing_ok=True)
        self.runner.kill_leftovers()
        for service in ("glue", "sagemaker", "ecs"):
            shutil.rmtree(self.state / service, ignore_errors=True)

    def _install(self, features: FeatureStore) -> Checkpoints:
        self._pool = SparkPool(
            self.state / "glue" / "jvms", self._tuning, glue_script.spark_environment, self.runner.mark
        )
        settings = GlueSettings(
            state=self.state,
            logs=self._logs,
            aws_environment=self.environment,
            cache=BodyCache(self.state / "glue" / "bodies"),
            s3=self._client("s3"),
            tuning=self._tuning,
            pool=self._pool,
            seconds_per_minute=self._seconds_per_minute,
        )
        s3_objects.guard_bodies(self._overrides)
        glue_jobs.install(self._overrides, self.runner, settings)
        glue_catalog.install(self._overrides)
        ledger_writes.install(self._overrides)
        role_trust.install(self._overrides)
        stack_parameters.install(self._overrides)
        features.install(self._overrides)
        of_sagemaker = self._sagemaker_settings(settings.s3)
        jobs = sagemaker.install(self._overrides, self.runner, of_sagemaker)
        self._endpoints = Endpoints(self.runner, of_sagemaker)
        self._endpoints.install(self._overrides)
        ecs_tasks.install(
            self._overrides,
            self.runner,
            EcsSettings(
                state=self.state,
                image=REPOSITORY,
                log_directory=self._logs,
                aws_environment=self.environment,
                logs=self._client("logs"),
                secrets_manager=self._client("secretsmanager"),
                parameters=self._client("ssm"),
            ),
        )
        refusals.install(self._overrides)
        registries: list[MutableMapping[Any, Any]] = [
            *jobs,
            features.online.records,
            features.offline.pending,
        ]
        return Checkpoints(REGION, registries, self._endpoints)

    def _invocations(self) -> Invocations:
        assert self._endpoints is not None
        metrics = cloudwatch_backends[DEFAULT_ACCOUNT_ID][REGION]
        self._records = Records(self._client("s3"), metrics.put_metric_data)
        self._records.start()
        return Invocations(self._endpoints.by_name, self._records, REGION)

    def _sagemaker_settings(self, s3: Any) -> SageMakerSettings:
        return SageMakerSettings(
            state=self.state,
            logs=self._logs,
            aws_environment=self.environment,
            s3=s3,
            isolated=self._isolated and can_isolate(self.state),
        )

    def _client(self, service: Literal["s3", "logs", "secretsmanager", "ssm"]) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
            config=Config(request_checksum_calculation="when_required", s3={"addressing_style": "path"}),
        )


def _listen(port: int) -> socket.socket:
    """Bind the port here: werkzeug calls sys.exit if the port is taken."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise AwsPortTakenError(
                f"port {port} is taken: stop what listens there, or set HIGHWATER_LOCAL_AWS_PORT"
            ) from error
        raise
    listening.listen(128)
    return listening
