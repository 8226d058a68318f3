"""Batch transform: send each S3 object to the model's inference code, and store the response as <key>.out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.aws.job_runner import CannotRunError, Outcome
from local.aws.sagemaker import model_files, transfer
from local.aws.sagemaker.images import Environment, environment_of
from local.aws.sagemaker.job import SageMakerJob, SageMakerSettings, algorithm_error
from local.aws.sagemaker.model_files import CODE, MODEL, PROGRAM
from local.aws.sagemaker.models import Container
from local.aws.sagemaker.opt_ml import OptMl, Program
from local.aws.sagemaker.requests import refuse, refuse_many_instances, refuse_s3_source
from local.aws.sagemaker.transfer import Location

REQUESTS = "/opt/ml/requests"
ANSWERS = "/opt/ml/answers"
SERVER = Path(__file__).with_name("model_server.py")
DEFAULT_PAYLOAD_MB = 6
BYTES_IN_MB = 1024 * 1024


class TransformJob(SageMakerJob):
    noun = "TransformJob"
    verb = "Transform"

    def __init__(
        self, request: Mapping[str, Any], arn: str, container: Container, settings: SageMakerSettings
    ) -> None:
        super().__init__(request, arn, check(request, container), settings, offline=container.offline)
        self._container = container

    def max_seconds(self) -> None:
        """A transform job has no stopping condition."""
        return

    def stage_in(self, ml: OptMl, environment: Environment) -> Program:
        variables = {**self._container.environment, **(self.request.get("Environment") or {})}
        module = model_files.stage(ml, environment, self._container.model_data, variables)
        source = self.request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
        limit = self.request.get("MaxPayloadInMB", DEFAULT_PAYLOAD_MB) * BYTES_IN_MB
        for file in transfer.fetch_prefix(source, ml.path(REQUESTS)):
            if limit and file.stat().st_size > limit:
                name = file.relative_to(ml.path(REQUESTS))
                raise CannotRunError(
                    f"ClientError: Too much data for max payload size: {name} has {file.stat().st_size} bytes, "
                    f"MaxPayloadInMB allows {limit}"
                )
        ml.make(ANSWERS)
        return Program(self._server(ml, module), {**variables, "SM_MODEL_DIR": MODEL}, cwd=CODE)

    def _server(self, ml: OptMl, module: str) -> list[str]:
        (ml.root / "model_server.py").write_bytes(SERVER.read_bytes())
        types = {
            "content_type": self.request["TransformInput"].get("ContentType", "application/json"),
            "accept": self.request["TransformOutput"].get("Accept", ""),
        }
        return [
            *(
                "python3",
                str(ml.root / "model_server.py"),
                "--module",
                module,
                "--model",
                MODEL,
                "--code",
                CODE,
            ),
            *("--requests", REQUESTS, "--answers", ANSWERS, "--types", json.dumps(types)),
        ]

    def stage_out(self, ml: OptMl, outcome: Outcome) -> None:  # noqa: ARG002
        """Upload the responses. They are kept even if other objects failed, as on AWS."""
        target = Location.of(self.request["TransformOutput"]["S3OutputPath"])
        transfer.upload_directory(ml.path(ANSWERS), target, self._settings.s3)

    def reason(self, ml: OptMl, outcome: Outcome) -> str:  # noqa: ARG002
        return algorithm_error(outcome.message)


def check(request: Mapping[str, Any], container: Container) -> Environment:
    """The environment of the model's image. Refuses unsupported requests before anything runs."""
    environment = environment_of(container.image)
    if not container.model_data:
        refuse(f"needs a model with ModelDataUrl: {request['ModelName']} has none")
    if PROGRAM not in {**container.environment, **(request.get("Environment") or {})}:
        refuse(f"serves the XGBoost image with a script only: {PROGRAM} in the model's Environment names it")
    refuse_many_instances(request["TransformResources"])
    given, wanted = request["TransformInput"], request["TransformOutput"]
    refuse_s3_source("the transform input", given)
    if given.get("SplitType", "None") != "None" or wanted.get("AssembleWith", "None") != "None":
        refuse("sends each object as one request: SplitType and AssembleWith must be None")
    if request.get("BatchStrategy", "SingleRecord") != "SingleRecord":
        refuse("sends each object as one request: BatchStrategy must be SingleRecord")
    for member in ("DataProcessing", "DataCaptureConfig"):
        if request.get(member):
            refuse(f"does not honour {member} of a transform job")
    return environment
