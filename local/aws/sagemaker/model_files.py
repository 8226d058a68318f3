"""Put a model and its inference code where the container has them, for a batch transform or an endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from local.aws.job_runner import CannotRunError
from local.aws.sagemaker import transfer
from local.aws.sagemaker.images import Environment
from local.aws.sagemaker.opt_ml import OptMl

MODEL = "/opt/ml/model"
CODE = "/opt/ml/code"
PROGRAM = "SAGEMAKER_PROGRAM"
SUBMITTED = "SAGEMAKER_SUBMIT_DIRECTORY"


def stage(ml: OptMl, environment: Environment, model_data: str, variables: Mapping[str, str]) -> str:
    """Unpack the model, put its code in /opt/ml/code, and give the name of the module that answers requests."""
    transfer.fetch_archive(model_data, ml.path(MODEL))
    submitted, program = variables.get(SUBMITTED, CODE), variables[PROGRAM]
    code = _code(ml, submitted)
    environment.check_requirements(code / "requirements.txt")
    if not (code / program).is_file():
        raise CannotRunError(f"ClientError: {submitted} of the model has no {program!r}")
    return program.removesuffix(".py")


def _code(ml: OptMl, submitted: str) -> Path:
    """Put the code in /opt/ml/code, where the toolkit puts it, from wherever it was submitted."""
    code = ml.path(CODE)
    if submitted.startswith("s3://"):
        transfer.fetch_archive(submitted, code)
        return code
    given = ml.path(submitted)
    if given != code and given.is_dir():
        code.symlink_to(Path(given).relative_to(code.parent), target_is_directory=True)
    return ml.path(CODE) if code.exists() else ml.make(CODE)
