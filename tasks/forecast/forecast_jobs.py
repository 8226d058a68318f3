"""The forecast's three SageMaker jobs (train, evaluate, predict): their requests, and where their output goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tasks.errors import aws_failures
from tasks.forecast import forecast_code
from tasks.forecast.forecast_features import Features
from tasks.jobs import external_jobs, sagemaker
from tasks.models.model_registry import CONTENT_TYPE, ModelVersion
from tasks.services import aws
from tasks.settings import settings

SEED = 7
ORIGINS = 3
METRICS = ("bias_correction", "noise", "calibration_rows", "series", "history_weeks", "seconds")
_INPUT, _OUTPUT = "/opt/ml/processing/input", "/opt/ml/processing/output"
# Idle OpenMP threads must not spin: next to another job on the same cores, that makes a job take four times as long.
_ENVIRONMENT = {"OMP_WAIT_POLICY": "PASSIVE"}
_PAYLOAD_MB = 100  # batch transform's maximum; a file is one request
_RESPONSE_SECONDS = 3600  # batch transform's maximum per response; the container's own default is 60
_GB = 30


@dataclass(frozen=True)
class Trained:
    job: str
    model_data: str
    code_version: str


@dataclass(frozen=True)
class Evaluated:
    job: str
    folder: str

    @property
    def report(self) -> str:
        return f"{self.folder}/evaluation.json"

    @property
    def plot(self) -> str:
        return f"{self.folder}/forecast.png"


def train(features: Features, owner: str) -> Trained:
    code = forecast_code.ship()
    work = f"{features.inputs.key}{code.version[:8]}"
    models = f"s3://{settings().artifacts_bucket}/demand_forecast/models"
    entry = external_jobs.run(
        sagemaker.TRAINING,
        "demand-forecast-train",
        f"train/{work}",
        lambda _attempt: training_request(features, code.archive, models),
        owner,
    )
    job = entry.external_id or ""
    return Trained(job, f"{models}/{job}/output/model.tar.gz", code.version)


def evaluate(features: Features, owner: str) -> Evaluated:
    code = forecast_code.ship()
    work = f"{features.inputs.key}{code.version[:8]}"

    def folder(attempt: int) -> str:
        return f"s3://{settings().artifacts_bucket}/demand_forecast/evaluations/{work}-{attempt}"

    entry = external_jobs.run(
        sagemaker.PROCESSING,
        "demand-forecast-evaluate",
        f"evaluate/{work}",
        lambda attempt: processing_request(features, code.folder, folder(attempt)),
        owner,
    )
    return Evaluated(entry.external_id or "", folder(entry.attempt))


def predict(features: Features, model: ModelVersion, owner: str) -> str:
    """Run batch transform. Returns the folder with one output file per input file."""
    work = f"{features.inputs.key}{model.metadata['code_version'][:8]}"

    def folder(attempt: int) -> str:
        return f"s3://{settings().lake_bucket}/ml/predictions/raw/{work}-{attempt}"

    def request(attempt: int) -> dict[str, Any]:
        name = f"demand-forecast-{work}-{model.name}"
        _create_model(name, model)
        return transform_request(features, name, folder(attempt))

    entry = external_jobs.run(
        sagemaker.TRANSFORM, "demand-forecast-predict", f"predict/{work}", request, owner
    )
    return folder(entry.attempt)


def training_request(features: Features, archive: str, models: str) -> dict[str, Any]:
    return {
        "RoleArn": settings().sagemaker_role,
        "AlgorithmSpecification": {
            "TrainingImage": settings().xgboost_image,
            "TrainingInputMode": "File",
            "MetricDefinitions": [
                {"Name": name, "Regex": rf"^metric {name}=([-+0-9.eE]+)"} for name in METRICS
            ],
        },
        "HyperParameters": {
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": archive,
            "as-of": features.inputs.as_of.isoformat(),
            "horizon-weeks": str(features.inputs.horizon_weeks),
            "seed": str(SEED),
        },
        "InputDataConfig": [{"ChannelName": "features", "DataSource": {"S3DataSource": _all(features)}}],
        "OutputDataConfig": {"S3OutputPath": models, **_key("KmsKeyId")},
        "Environment": _ENVIRONMENT,
        "ResourceConfig": _one_instance(),
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    }


def processing_request(features: Features, code: str, folder: str) -> dict[str, Any]:
    def input_of(name: str, address: str) -> dict[str, Any]:
        source = {"S3Uri": address, "LocalPath": f"{_INPUT}/{name}", "S3DataType": "S3Prefix"}
        return {"InputName": name, "S3Input": {**source, "S3InputMode": "File"}}

    output = {"S3Uri": folder, "LocalPath": f"{_OUTPUT}/evaluation", "S3UploadMode": "EndOfJob"}
    return {
        "RoleArn": settings().sagemaker_role,
        "AppSpecification": {
            "ImageUri": settings().xgboost_image,
            "ContainerEntrypoint": ["python3", f"{_INPUT}/code/evaluate.py"],
            "ContainerArguments": [
                *("--as-of", features.inputs.as_of.isoformat()),
                *("--horizon-weeks", str(features.inputs.horizon_weeks)),
                *("--origins", str(ORIGINS)),
                *("--seed", str(SEED)),
            ],
        },
        "Environment": _ENVIRONMENT,
        "ProcessingInputs": [input_of("features", features.history), input_of("code", code)],
        "ProcessingOutputConfig": {
            "Outputs": [{"OutputName": "evaluation", "S3Output": output}],
            **_key("KmsKeyId"),
        },
        "ProcessingResources": {"ClusterConfig": _one_instance()},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    }


def transform_request(features: Features, model_name: str, folder: str) -> dict[str, Any]:
    return {
        "ModelName": model_name,
        "BatchStrategy": "SingleRecord",
        "MaxConcurrentTransforms": 1,
        "MaxPayloadInMB": _PAYLOAD_MB,
        "ModelClientConfig": {"InvocationsTimeoutInSeconds": _RESPONSE_SECONDS, "InvocationsMaxRetries": 1},
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": features.future}},
            "ContentType": CONTENT_TYPE,
            "SplitType": "None",
            "CompressionType": "None",
        },
        "TransformOutput": {
            "S3OutputPath": folder,
            "Accept": CONTENT_TYPE,
            "AssembleWith": "None",
            **_key("KmsKeyId"),
        },
        "TransformResources": {
            "InstanceType": settings().transform_instance,
            "InstanceCount": 1,
            **_key("VolumeKmsKeyId"),
        },
    }


def _key(field: str) -> dict[str, str]:
    """The configured KMS key, if any: `KmsKeyId` for what a job writes, `VolumeKmsKeyId` for its disk."""
    return {field: settings().kms_key} if settings().kms_key else {}


def _all(features: Features) -> dict[str, str]:
    return {
        "S3DataType": "S3Prefix",
        "S3Uri": features.history,
        "S3DataDistributionType": "FullyReplicated",
    }


def _one_instance() -> dict[str, Any]:
    return {
        "InstanceType": settings().training_instance,
        "InstanceCount": 1,
        "VolumeSizeInGB": _GB,
        **_key("VolumeKmsKeyId"),
    }


def model_container(image: str, model_data: str) -> dict[str, Any]:
    """The serving container. train.py has packed the inference code with the model. The timeout is raised because a request
    is a whole file, which can take longer than a minute."""
    return {
        "Image": image,
        "ModelDataUrl": model_data,
        "Environment": {
            **_ENVIRONMENT,
            "SAGEMAKER_PROGRAM": "inference.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
            "SAGEMAKER_MODEL_SERVER_TIMEOUT": str(_RESPONSE_SECONDS),
        },
    }


def _create_model(name: str, model: ModelVersion) -> None:
    container = model_container(model.image, model.model_data)
    with aws_failures(f"creating SageMaker model {name}"):
        try:
            aws.sagemaker().create_model(
                ModelName=name,
                PrimaryContainer=container,  # type: ignore[arg-type]
                ExecutionRoleArn=settings().sagemaker_role,
            )
        except ClientError as error:
            if "already exist" not in error.response["Error"].get("Message", ""):
                raise
