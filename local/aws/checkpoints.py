"""The jobs and models of this server, kept under a name and put back: AWS has no call that makes a job not have run.

For the trials of `make faults`, which start from the same state again and again. Everything else that a trial needs put
back has calls of its own.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from moto.core import DEFAULT_ACCOUNT_ID
from moto.glue.models import glue_backends
from moto.sagemaker.models import ModelPackage, sagemaker_backends

PATH = "/highwater/checkpoints/"
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
# What moto keeps of SageMaker by name or ARN, and Highwater uses.
_OF_SAGEMAKER = (
    *("_models", "model_packages", "model_package_name_mapping"),
    *("training_jobs", "processing_jobs", "transform_jobs"),
)


@dataclass(frozen=True)
class _Checkpoint:
    job_runs: dict[str, list[Any]]
    registries: list[dict[str, Any]]


class Checkpoints:
    """`jobs` are the registries of this server's own SageMaker jobs, by name."""

    def __init__(self, region: str, jobs: Sequence[MutableMapping[str, Any]]) -> None:
        self._glue = glue_backends[DEFAULT_ACCOUNT_ID][region]
        sagemaker = sagemaker_backends[DEFAULT_ACCOUNT_ID][region]
        self._registries = [*jobs, *(getattr(sagemaker, name) for name in _OF_SAGEMAKER)]
        self._kept: dict[str, _Checkpoint] = {}
        self._lock = threading.Lock()

    def save(self, name: str) -> None:
        with self._lock:
            self._kept[name] = _Checkpoint(
                {job.name: list(job.job_runs) for job in self._glue.jobs.values()},
                [_copy(known) for known in self._registries],
            )

    def put_back(self, name: str) -> None:
        with self._lock:
            kept = self._kept[name]
            for job in self._glue.jobs.values():
                job.job_runs[:] = kept.job_runs.get(job.name, [])
            for known, was in zip(self._registries, kept.registries, strict=True):
                known.clear()
                known.update(_copy(was))

    def before(self, application: Wsgi) -> Wsgi:
        """PUT saves, POST puts back; all other requests are AWS's."""

        def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
            if not path.startswith(PATH):
                return application(environ, start_response)
            name = path.removeprefix(PATH)
            if method == "PUT":
                self.save(name)
            elif method == "POST" and name in self._kept:
                self.put_back(name)
            else:
                start_response("404 Not Found", [("Content-Type", "text/plain")])
                return [f"no checkpoint {name!r} to {method}".encode()]
            start_response("204 No Content", [])
            return []

        return answer


def _copy(registry: MutableMapping[str, Any]) -> dict[str, Any]:
    """A model package is changed in place when it is approved; the end of a job must still be seen."""
    return {
        key: copy.copy(value) if isinstance(value, ModelPackage) else value for key, value in registry.items()
    }
