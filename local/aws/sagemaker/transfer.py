"""Copy between S3 and a job's /opt/ml, and pack and unpack the archives of code and models."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.aws import s3_objects
from local.aws.job_runner import CannotRunError
from local.aws.staging import IN_ONE_PART


@dataclass(frozen=True)
class Location:
    bucket: str
    key: str

    @classmethod
    def of(cls, uri: str) -> Location:
        scheme, _, rest = uri.partition("://")
        bucket, _, key = rest.partition("/")
        if scheme != "s3" or not bucket:
            raise CannotRunError(f"ClientError: {uri!r} is not an s3:// address")
        return cls(bucket, key)

    def below(self, name: str) -> Location:
        return Location(self.bucket, f"{self.key.rstrip('/')}/{name}".lstrip("/"))

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def fetch_prefix(uri: str, to: Path) -> list[Path]:
    """Fetch all objects under an S3Prefix, as files relative to it. It is an error if there are none, as on AWS."""
    prefix = Location.of(uri)
    to.mkdir(parents=True, exist_ok=True)
    fetched = []
    if prefix.bucket in s3_objects.bucket_names():
        for stored in list(s3_objects.stored_objects(prefix.bucket)):
            if stored.key.startswith(prefix.key) and not stored.key.endswith("/"):
                file = to / _relative(prefix, stored.key)
                file.parent.mkdir(parents=True, exist_ok=True)
                if s3_objects.write_body(stored.bucket, stored.key, file) is not None:
                    fetched.append(file)
    if not fetched:
        raise CannotRunError(
            f'ClientError: Data download failed: No S3 objects found under S3 URL "{uri}" given in input data '
            "source. Please ensure that the bucket exists and that objects exist under that S3 prefix."
        )
    return fetched


def _relative(prefix: Location, key: str) -> str:
    if key == prefix.key:
        return key.rpartition("/")[2]
    if any(part in ("", ".", "..") for part in key.split("/")):
        raise CannotRunError(f"ClientError: s3://{prefix.bucket}/{key} can't be a file: delete it")
    rest = key[len(prefix.key) :]
    if prefix.key and not prefix.key.endswith("/") and not rest.startswith("/"):
        raise CannotRunError(
            f"ClientError: {prefix} also takes in s3://{prefix.bucket}/{key}, as an S3Prefix is any beginning of a "
            "key: end it with '/'"
        )
    return rest.lstrip("/")


def fetch_archive(uri: str, to: Path) -> None:
    location = Location.of(uri)
    to.mkdir(parents=True, exist_ok=True)
    archive = to.parent / f"{to.name}.tar.gz"
    found = location.bucket in s3_objects.bucket_names() and s3_objects.write_body(
        location.bucket, location.key, archive
    )
    if not found:
        raise CannotRunError(f"ClientError: Data download failed: {uri} does not exist")
    unpack(archive, to, uri)
    archive.unlink()


def unpack(archive: Path, to: Path, name: str) -> None:
    try:
        with tarfile.open(archive, "r:gz") as tar:
            tar.extractall(to, filter="data")
    except (tarfile.TarError, OSError) as error:
        raise CannotRunError(f"ClientError: {name} is not a .tar.gz that can be unpacked: {error}") from error


def upload_archive(directory: Path, to: Location, s3: Any) -> None:
    archive = directory.parent / f".{directory.name}.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for entry in sorted(directory.iterdir()):
            tar.add(entry, entry.name)
    s3.upload_file(str(archive), to.bucket, to.key, Config=IN_ONE_PART)
    archive.unlink()


def upload_directory(directory: Path, to: Location, s3: Any) -> None:
    for file in sorted(directory.rglob("*")):
        if file.is_file():
            target = to.below(file.relative_to(directory).as_posix())
            s3.upload_file(str(file), target.bucket, target.key, Config=IN_ONE_PART)
