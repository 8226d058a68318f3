"""The local Python environment for each supported container image."""

from __future__ import annotations

import importlib.metadata
import re
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from local.aws.job_runner import CannotRunError
from local.aws.refusals import SEE, LocalRefusalError

REPOSITORY = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Environment:
    """The packages of one image, installed next to .venv by `make setup`."""

    image: str
    directory: Path

    @property
    def python(self) -> Path:
        return self.directory / "bin" / "python"

    def check_installed(self) -> None:
        if not self.python.exists():
            raise CannotRunError(
                f"InternalServerError: {self.directory} is missing, in which {self.image} runs: run `make setup`"
            )

    def check_requirements(self, requirements: Path) -> None:
        """Check that the locked environment has what the container would install."""
        if not requirements.exists():
            return
        for line in requirements.read_text().splitlines():
            text = line.partition("#")[0].strip()
            if text:
                self._check_requirement(text)

    def _check_requirement(self, text: str) -> None:
        try:
            wanted = Requirement(text)
        except InvalidRequirement as error:
            raise CannotRunError(f"requirements.txt: {text!r} is not a PyPI requirement; {SEE}") from error
        installed = self._version(wanted.name)
        if installed is None or not wanted.specifier.contains(installed, prereleases=True):
            raise CannotRunError(
                f"requirements.txt wants {text!r}, the local {self.image} has {installed or 'none'}; {SEE}"
            )

    def _version(self, package: str) -> str | None:
        site = [str(path) for path in self.directory.glob("lib/python*/site-packages")]
        found = next(iter(importlib.metadata.distributions(name=package, path=site)), None)
        return None if found is None else found.version


ENVIRONMENTS = {
    re.compile(r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/sagemaker-xgboost:3\.2-0(-cpu-py3)?"): (
        Environment("sagemaker-xgboost:3.2-0", REPOSITORY / ".venv-sagemaker")
    ),
}


def environment_of(image: str) -> Environment:
    for pattern, environment in ENVIRONMENTS.items():
        if pattern.fullmatch(image):
            return environment
    known = ", ".join(environment.image for environment in ENVIRONMENTS.values())
    raise LocalRefusalError(
        f"the local cloud has no environment for the image {image!r}, only for {known} "
        f"(<account>.dkr.ecr.<region>.amazonaws.com/...): {SEE}"
    )
