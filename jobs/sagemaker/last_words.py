"""Why a program failed, left where SageMaker looks for it: what people read of a failed job without opening its log."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
TRAINING, PROCESSING = "failure", "message"
"""The file of each kind of job: it becomes a training job's FailureReason, a processing job's ExitMessage."""
OPT_ML = "/opt/ml"
_LONGEST = 1024


def kept_in(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A program whose exception, if it ends by one, is also in the file of this name."""

    def keeping(program: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(program)
        def run(*arguments: P.args, **named: P.kwargs) -> R:
            try:
                return program(*arguments, **named)
            except Exception as error:
                _keep(name, f"{type(error).__name__}: {error}")
                raise

        return run

    return keeping


def _keep(name: str, why: str) -> None:
    """The program's own error goes first: that this can't be written says nothing."""
    given = os.environ.get("SM_OUTPUT_DIR") or f"{os.environ.get('SAGEMAKER_BASE_DIR', OPT_ML)}/output"
    with suppress(OSError):
        Path(given).mkdir(parents=True, exist_ok=True)
        (Path(given) / name).write_text(why[:_LONGEST])
