"""Which code Glue's jobs run: the contracts and the jobs of one commit.

A flow run has the same folders in its image, and they have to be the same ones: it judges by the contracts what a job has
cleaned by them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from deployments.fingerprint import fingerprint

PACKAGES: Final = ("contracts", "jobs")
"""What every Glue job imports, in addition to its script."""
ARGUMENT: Final = "--code_version"
"""The default argument in which a job's definition tells the version of its code."""
REPOSITORY: Final = Path(__file__).resolve().parents[1]


def version(root: Path = REPOSITORY) -> str:
    """A hash of the Python files: a commit that changes none of them changes no job."""
    return fingerprint(root, PACKAGES, (".py",))
