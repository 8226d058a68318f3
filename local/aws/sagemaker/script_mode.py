"""How the container's toolkit (sagemaker-containers) calls a training script: arguments and SM_* variables."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from local.aws.job_runner import CannotRunError
from local.aws.sagemaker import transfer
from local.aws.sagemaker.opt_ml import OptMl

CODE = "/opt/ml/code"
MODEL = "/opt/ml/model"
INPUT = "/opt/ml/input"
INPUT_CONFIG = f"{INPUT}/config"
OUTPUT = "/opt/ml/output"
OUTPUT_DATA = f"{OUTPUT}/data"
HOST = "algo-1"
# Hyperparameters with these prefixes are read by the toolkit and not passed to the script.
FOR_THE_TOOLKIT = ("sagemaker_", "_tuning_objective_metric", "default_user_module_name")


def fetch_code(ml: OptMl, submitted: str) -> None:
    """Put the submitted code into /opt/ml/code as the toolkit does, inside the container: from S3, or from a channel."""
    code = ml.make(CODE)
    if submitted.startswith("s3://"):
        if ml.offline:
            raise CannotRunError(
                f"AlgorithmError: the container can't fetch {submitted}: it has neither a network nor credentials "
                "(EnableNetworkIsolation). Give the code in a channel."
            )
        transfer.fetch_archive(submitted, code)
        return
    given = ml.path(submitted)
    if given.is_dir():
        shutil.copytree(given, code, dirs_exist_ok=True)
    elif given.is_file() and tarfile.is_tarfile(given):
        transfer.unpack(given, code, submitted)
    elif given.is_file():
        shutil.copy2(given, code)
    else:
        raise CannotRunError(f"AlgorithmError: FileNotFoundError: No such file or directory: '{submitted}'")


def script_hyperparameters(given: Mapping[str, str]) -> dict[str, Any]:
    """The script's hyperparameters. All are strings in the request; the toolkit parses those that are JSON."""
    return {name: _read(value) for name, value in given.items() if not name.startswith(FOR_THE_TOOLKIT)}


def _read(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def arguments(hyperparameters: Mapping[str, Any]) -> list[str]:
    words = []
    for name, value in sorted(hyperparameters.items()):
        words += [f"--{name}" if len(name) > 1 else f"-{name}", _word(value)]
    return words


def _word(value: Any) -> str:
    if isinstance(value, dict):
        return ",".join(f"{key}={item}" for key, item in sorted(value.items()))
    return "" if value is None else str(value)


def module_of(program: str, code: Path) -> str:
    """The module that the toolkit runs with `python -m` in /opt/ml/code, for train.py or package.module."""
    module = program.removesuffix(".py")
    path = code.joinpath(*module.split("."))
    if not path.with_suffix(".py").is_file() and not (path / "__main__.py").is_file():
        raise CannotRunError(
            f"ClientError: the submitted code has no {program!r}, which sagemaker_program names"
        )
    return module


def variables(
    hyperparameters: Mapping[str, Any], channels: Mapping[str, Any], resources: Mapping[str, Any], module: str
) -> dict[str, str]:
    values: dict[str, Any] = {
        "hosts": [HOST],
        "current_host": HOST,
        "network_interface_name": resources["network_interface_name"],
        "resource_config": resources,
        "input_data_config": channels,
        "channels": sorted(channels),
        "hps": hyperparameters,
        "user_args": arguments(hyperparameters),
        "user_entry_point": f"{module}.py",
        "module_name": module,
        "module_dir": CODE,
        "log_level": 20,
        "num_cpus": os.cpu_count() or 1,
        "num_gpus": 0,
        "input_dir": INPUT,
        "input_config_dir": INPUT_CONFIG,
        "model_dir": MODEL,
        "output_dir": OUTPUT,
        "output_data_dir": OUTPUT_DATA,
        "output_intermediate_dir": f"{OUTPUT}/intermediate",
    }
    values |= {f"channel_{name}": f"{INPUT}/data/{name}" for name in channels}
    values |= {f"hp_{name}": value for name, value in hyperparameters.items()}
    return {f"SM_{name.upper()}": _variable(value) for name, value in values.items()}


def _variable(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))


def write_configuration(
    directory: Path,
    hyperparameters: Mapping[str, str],
    channels: Mapping[str, Any],
    resources: Mapping[str, Any],
) -> None:
    contents = {
        "hyperparameters": hyperparameters,
        "inputdataconfig": channels,
        "resourceconfig": resources,
    }
    for name, content in contents.items():
        (directory / f"{name}.json").write_text(json.dumps(content))


def channel_configuration(channels: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        channel["ChannelName"]: {
            "TrainingInputMode": channel.get("InputMode", "File"),
            "S3DistributionType": "FullyReplicated",
            "RecordWrapperType": "None",
            **({"ContentType": channel["ContentType"]} if "ContentType" in channel else {}),
        }
        for channel in channels
    }
