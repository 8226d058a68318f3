"""The source that a model's jobs run, put where SageMaker fetches it.

The address is a hash of the content: new code gets a new address, and a running job keeps the code it was started with.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tasks.errors import aws_failures
from tasks.services import aws
from tasks.settings import settings

ROOT = Path(__file__).resolve().parents[2]
ARCHIVE = "sourcedir.tar.gz"


@dataclass(frozen=True)
class Package:
    """What is shipped for one model. All names are paths in this repository."""

    folder: str
    """A package, of which the modules are shipped, but not the packages inside it."""
    programs: tuple[str, ...]
    """Modules of the package that SageMaker starts."""
    shared: tuple[str, ...]
    """Modules outside the package that its modules import."""


@dataclass(frozen=True)
class Code:
    version: str
    folder: str
    """Address of the individual files, as a processing job reads them."""
    archive: str
    """Address of the archive, as script mode reads it."""


@cache
def ship(package: Package) -> Code:
    """Upload the code, once per process."""
    files = source(package)
    parts = (name.encode() + b"\0" + body for name, body in files.items())
    version = hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]
    bucket, prefix = settings().artifacts_bucket, f"sagemaker/code/{version}"
    with aws_failures(f"uploading {package.folder} to s3://{bucket}/{prefix}"):
        for name, body in files.items():
            aws.s3().put_object(Bucket=bucket, Key=f"{prefix}/source/{name}", Body=body)
        aws.s3().put_object(Bucket=bucket, Key=f"{prefix}/{ARCHIVE}", Body=archive(files))
    return Code(version, f"s3://{bucket}/{prefix}/source/", f"s3://{bucket}/{prefix}/{ARCHIVE}")


def source(package: Package) -> dict[str, bytes]:
    """The files by name: the programs at the top level, their package below, so that imports work as in this repo."""
    modules = [*(ROOT / name for name in package.shared), *sorted((ROOT / package.folder).glob("*.py"))]
    below = {module.relative_to(ROOT).as_posix(): module.read_bytes() for module in modules}
    return {**{name: below[f"{package.folder}/{name}"] for name in package.programs}, **below}


def archive(files: dict[str, bytes]) -> bytes:
    """A reproducible tar.gz: no timestamps or owners, so the same files give the same bytes."""
    tarred = io.BytesIO()
    with tarfile.open(fileobj=tarred, mode="w") as tar:
        for name, body in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(body), 0o644
            tar.addfile(entry, io.BytesIO(body))
    return gzip.compress(tarred.getvalue(), mtime=0)
