"""The SageMaker jobs of a model, whatever it models: their requests, in script mode and in AWS's XGBoost container."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from tasks.errors import aws_failures
from tasks.models import model_code
from tasks.models.model_registry import CONTENT_TYPE, ModelVersion
from tasks.services import aws
from tasks.settings import settings

_INPUT, _OUTPUT = "/opt/ml/processing/input", "/opt/ml/processing/output"
# Idle OpenMP threads must not spin: next to another job on the same cores, that makes a job take four times as long.
_ENVIRONMENT = {"OMP_WAIT_POLICY": "PASSIVE"}
_PAYLOAD_MB = 100  # batch transform's maximum; a file is one request
_RESPONSE_SECONDS = 3600  # batch transform's maximum per response; the container's own default is 60
_GB = 30
_CODE = "code"
_CODE_INSIDE = f"/opt/ml/input/data/{_CODE}/{model_code.ARCHIVE}"
_LIMIT = {"MaxRuntimeInSeconds": 3600}
ISOLATED: Mapping[str, bool] = {"EnableNetworkIsolation": True}
"""SageMaker itself brings a container's files and takes them away: the container has no network and no credentials."""
Range = Mapping[str, str]


@dataclass(frozen=True)
class Training:
    """How train.py is run."""

    archive: str
    hyperparameters: Mapping[str, str]
    metrics: Sequence[str]
    """What train.py prints as `metric name=value`."""
    features: str
    models: str
    """The folder below which a job leaves its model."""


@dataclass(frozen=True)
class Search:
    """What a tuning job searches: the best values of some hyperparameters."""

    minimise: str
    """The metric."""
    trials: int
    parallel: int
    seed: int
    integers: Sequence[Range] = field(default_factory=tuple)
    numbers: Sequence[Range] = field(default_factory=tuple)


def search_range(name: str, low: float, high: float, *, logarithmic: bool = False) -> Range:
    scale = "Logarithmic" if logarithmic else "Linear"
    return {"Name": name, "MinValue": str(low), "MaxValue": str(high), "ScalingType": scale}


def training_request(training: Training) -> dict[str, Any]:
    return {
        "RoleArn": settings().sagemaker_role,
        "AlgorithmSpecification": {
            "TrainingImage": settings().xgboost_image,
            "TrainingInputMode": "File",
            "MetricDefinitions": [
                {"Name": name, "Regex": rf"^metric {name}=([-+0-9.eE]+)"} for name in training.metrics
            ],
        },
        "HyperParameters": {
            "sagemaker_program": "train.py",
            # As a channel, because the container can't fetch it: it has no network.
            "sagemaker_submit_directory": _CODE_INSIDE,
            **training.hyperparameters,
        },
        "InputDataConfig": [
            _channel("features", training.features),
            _channel(_CODE, training.archive),
        ],
        "OutputDataConfig": {"S3OutputPath": training.models, **_key("KmsKeyId")},
        "Environment": _ENVIRONMENT,
        "ResourceConfig": _one_instance(),
        "StoppingCondition": _LIMIT,
        **ISOLATED,
        **_training_network(),
    }


def tuning_request(training: Training, search: Search) -> dict[str, Any]:
    """Trials are trainings with the values that the search gives them."""
    trial = training_request(training)
    fixed = trial.pop("HyperParameters")
    return {
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",  # the values follow from the seed, whichever trial ends first
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": search.minimise},
            "ResourceLimits": {
                "MaxNumberOfTrainingJobs": search.trials,
                "MaxParallelTrainingJobs": search.parallel,
            },
            "ParameterRanges": {
                "IntegerParameterRanges": list(search.integers),
                "ContinuousParameterRanges": list(search.numbers),
            },
            "TrainingJobEarlyStoppingType": "Auto",
            "RandomSeed": search.seed,
        },
        "TrainingJobDefinition": {**trial, "StaticHyperParameters": fixed},
    }


def evaluation_request(code: str, arguments: Sequence[str], features: str, folder: str) -> dict[str, Any]:
    """Run evaluate.py of the code over the features; what it leaves goes to the folder."""

    def input_of(name: str, address: str) -> dict[str, Any]:
        source = {"S3Uri": address, "LocalPath": f"{_INPUT}/{name}", "S3DataType": "S3Prefix"}
        return {"InputName": name, "S3Input": {**source, "S3InputMode": "File"}}

    output = {"S3Uri": folder, "LocalPath": f"{_OUTPUT}/evaluation", "S3UploadMode": "EndOfJob"}
    return {
        "RoleArn": settings().sagemaker_role,
        "AppSpecification": {
            "ImageUri": settings().xgboost_image,
            "ContainerEntrypoint": ["python3", f"{_INPUT}/code/evaluate.py"],
            "ContainerArguments": list(arguments),
        },
        "Environment": _ENVIRONMENT,
        "ProcessingInputs": [input_of("features", features), input_of("code", code)],
        "ProcessingOutputConfig": {
            "Outputs": [{"OutputName": "evaluation", "S3Output": output}],
            **_key("KmsKeyId"),
        },
        "ProcessingResources": {"ClusterConfig": _one_instance()},
        "StoppingCondition": _LIMIT,
        "NetworkConfig": ISOLATED,
    }


def transform_request(model_name: str, rows: str, folder: str) -> dict[str, Any]:
    """Send each file of rows to the model as one request."""
    return {
        "ModelName": model_name,
        "BatchStrategy": "SingleRecord",
        "MaxConcurrentTransforms": 1,
        "MaxPayloadInMB": _PAYLOAD_MB,
        "ModelClientConfig": {"InvocationsTimeoutInSeconds": _RESPONSE_SECONDS, "InvocationsMaxRetries": 1},
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": rows}},
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


def create_model(name: str, model: ModelVersion) -> None:
    """Create SageMaker's model of a version. Creating it again changes nothing."""
    container = model_container(model.image, model.model_data)
    with aws_failures(f"creating SageMaker model {name}"):
        try:
            aws.sagemaker().create_model(
                ModelName=name,
                PrimaryContainer=container,  # type: ignore[arg-type]
                ExecutionRoleArn=settings().sagemaker_role,
                EnableNetworkIsolation=True,
            )
        except ClientError as error:
            if "already exist" not in error.response["Error"].get("Message", ""):
                raise


def _key(member: str) -> dict[str, str]:
    """The configured KMS key, if any: `KmsKeyId` for what a job writes, `VolumeKmsKeyId` for its disk."""
    return {member: settings().kms_key} if settings().kms_key else {}


def _channel(name: str, address: str) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": address, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}


def _training_network() -> dict[str, Any]:
    subnets, groups = settings().training_subnets, settings().training_security_groups
    return {"VpcConfig": {"Subnets": subnets, "SecurityGroupIds": groups}} if subnets else {}


def _one_instance() -> dict[str, Any]:
    return {
        "InstanceType": settings().training_instance,
        "InstanceCount": 1,
        "VolumeSizeInGB": _GB,
        **_key("VolumeKmsKeyId"),
    }
