"""Save and restore the server's jobs and models by name. AWS has no call that undoes a job run.

`make faults` uses this to start each trial from the same state. Everything else that a trial restores has regular
API calls.
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
# moto's SageMaker registries (by name or ARN) that Highwater uses.
_OF_SAGEMAKER = (
    *("training_jobs", "processing_jobs", "transform_jobs", "hyper_parameter_tuning_jobs"),
    *("_models", "model_packages", "model_package_name_mapping", "feature_groups"),
)


@dataclass(frozen=True)
class _Checkpoint:
    job_runs: dict[str, list[Any]]
    registries: list[dict[str, Any]]


class Checkpoints:
    """Named checkpoints. `registries` are this server's own, such as its SageMaker jobs by name."""

    def __init__(self, region: str, registries: Sequence[MutableMapping[Any, Any]]) -> None:
        self._glue = glue_backends[DEFAULT_ACCOUNT_ID][region]
        sagemaker = sagemaker_backends[DEFAULT_ACCOUNT_ID][region]
        self._registries = [*registries, *(getattr(sagemaker, name) for name in _OF_SAGEMAKER)]
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
        """WSGI middleware: PUT saves a checkpoint, POST restores it. All other requests go to `application`."""

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
    """Copy a registry. Model packages are copied as well, as an approval changes them in place.

    Jobs are not copied, so that a restored job still shows its end.
    """
    return {
        key: copy.copy(value) if isinstance(value, ModelPackage) else value for key, value in registry.items()
    }
