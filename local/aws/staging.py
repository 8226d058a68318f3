"""Mirror all S3 buckets to a directory per run, and upload the run's changes.

Each object version is written to disk once. A run's directory holds hard links to these files, so that thousands of
objects or gigabytes are staged in a moment. A script that overwrites a file in place changes the cached file behind
the link: the change is uploaded like any other, and a cached file whose fingerprint has changed is not reused.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from boto3.s3.transfer import TransferConfig

from deployments import names
from local.aws import s3_objects
from local.aws.job_runner import CannotRunError
from local.aws.s3_objects import StoredObject

UPLOADS_AT_ONCE = 4
# moto stores all parts and then the whole object, and sends an event for each part.
IN_ONE_PART = TransferConfig(multipart_threshold=5 * 1024**3)
SUCCESS_MARKER = "_SUCCESS"


@dataclass(frozen=True)
class Fingerprint:
    """Cheap check of a file's content: a write changes the modification time, a replacement the inode."""

    inode: int
    modified_ns: int
    size: int

    @classmethod
    def of(cls, path: Path | os.DirEntry[str]) -> Fingerprint:
        stat = path.stat()
        return cls(stat.st_ino, stat.st_mtime_ns, stat.st_size)


class BodyCache:
    """Cache of object bodies, one file per version. Like moto's objects, it does not outlive the server."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._known: dict[Path, Fingerprint] = {}
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)

    def link(self, stored: StoredObject, to: Path) -> Fingerprint | None:
        """Link the object's body to a path. Returns None if the object was deleted or replaced since it was listed."""
        body = self.body(stored)
        with self._lock:
            known = self._known.get(body)
            if known is None or Fingerprint.of(body) != known:
                if not self._fill(stored, body):
                    return None
                known = self._known[body] = Fingerprint.of(body)
            os.link(body, to)
        return known

    def forget_all_but(self, wanted: set[Path]) -> None:
        """Delete the versions that S3 no longer has. A run that holds a link keeps its file."""
        with self._lock:
            for body in self._known.keys() - wanted:
                del self._known[body]
                body.unlink()

    def body(self, stored: StoredObject) -> Path:
        name = hashlib.sha256(f"{stored.bucket}\n{stored.key}\n{stored.version}".encode()).hexdigest()
        return self._directory / name

    def _fill(self, stored: StoredObject, body: Path) -> bool:
        partial = body.with_suffix(".partial")
        written = s3_objects.write_body(stored.bucket, stored.key, partial)
        if written is None or written.version != stored.version:
            partial.unlink(missing_ok=True)
            return False
        os.utime(partial, (stored.modified, stored.modified))
        partial.replace(body)
        return True


@dataclass
class Mirror:
    """The directory that one run sees as S3, and its content at the start."""

    root: Path
    staged: dict[Path, tuple[StoredObject, Fingerprint]] = field(default_factory=dict)
    folders: dict[Path, StoredObject] = field(default_factory=dict)

    def bucket(self, name: str) -> Path:
        return self.root / name

    def buckets(self) -> dict[str, Path]:
        return {path.name: path for path in self.root.iterdir()}


def stage(root: Path, cache: BodyCache) -> Mirror:
    mirror = Mirror(root)
    made: set[Path] = set()
    # No Glue job reads the inbox, and any of its keys could be one that a file system can't hold.
    for bucket in (name for name in s3_objects.bucket_names() if name != names.INBOX):
        mirror.bucket(bucket).mkdir(parents=True)
        for stored in s3_objects.stored_objects(bucket):
            _stage_object(mirror, stored, cache, made)
    cache.forget_all_but({cache.body(stored) for stored, _ in mirror.staged.values()})
    return mirror


def _stage_object(mirror: Mirror, stored: StoredObject, cache: BodyCache, made: set[Path]) -> None:
    path = safe_path(mirror.bucket(stored.bucket), stored)
    folder = path if stored.key.endswith("/") else path.parent
    try:
        if folder not in made:
            folder.mkdir(parents=True, exist_ok=True)
            made.add(folder)
        if stored.key.endswith("/"):
            mirror.folders[path] = stored
            return
        _link(mirror, path, stored, cache)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise CannotRunError(
            f"{uri(stored)} is an object and a folder of objects, which no file system can hold: delete one"
        ) from error
    except OSError as error:
        if error.errno not in (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ):
            raise
        raise CannotRunError(
            f"{uri(stored)} can't be shown to Spark as a local file ({error}): delete it"
        ) from error


def _link(mirror: Mirror, path: Path, stored: StoredObject, cache: BodyCache) -> None:
    current: StoredObject | None = stored
    while current is not None:
        fingerprint = cache.link(current, path)
        if fingerprint is not None:
            mirror.staged[path] = (current, fingerprint)
            return
        current = s3_objects.stored_object(stored.bucket, stored.key)


def safe_path(bucket_root: Path, stored: StoredObject) -> Path:
    """The object's path. Raises CannotRunError for a key that is not a valid path below the bucket's directory."""
    parts = stored.key.removesuffix("/").split("/")
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise CannotRunError(
            f"{uri(stored)}: its key has an empty, '.' or '..' part, "
            "so it can't be shown to Spark as a local file: delete it"
        )
    return bucket_root.joinpath(*parts)


def uri(stored: StoredObject) -> str:
    return f"s3://{stored.bucket}/{stored.key}"


@dataclass(frozen=True)
class Changes:
    uploads: list[tuple[str, str, str]]
    deletes: list[StoredObject]


def changes(mirror: Mirror) -> Changes:
    """The run's changes to the mirror, as S3 requests."""
    present = dict(_files(mirror.root))
    uploads = []
    for path, fingerprint in present.items():
        known = mirror.staged.get(path)
        if known is not None and known[1] == fingerprint:
            continue
        relative = path.relative_to(mirror.root)
        bucket, key = relative.parts[0], "/".join(relative.parts[1:])
        if known is None and is_scratch(relative):
            continue
        if not _newer_in_s3(bucket, key, known[0] if known else None, fingerprint):
            uploads.append((str(path), bucket, key))
    # Success markers come last: readers take them as a sign that the data is complete.
    uploads.sort(key=lambda upload: upload[2].endswith(SUCCESS_MARKER))
    gone = [stored for path, (stored, _) in mirror.staged.items() if path not in present]
    gone += [stored for path, stored in mirror.folders.items() if not path.is_dir()]
    return Changes(uploads, gone)


def _newer_in_s3(bucket: str, key: str, staged: StoredObject | None, fingerprint: Fingerprint) -> bool:
    """Whether S3 has a later write of this object. The last writer wins, though a run's writes reach S3 only at its end."""
    now = s3_objects.stored_object(bucket, key)
    return now is not None and now != staged and now.modified > fingerprint.modified_ns / 1e9


def is_scratch(relative: PurePosixPath | Path) -> bool:
    """Whether a file was left by an unfinished write. On Glue, such files reach no bucket."""
    return any(part == "_temporary" or part.startswith(".spark-staging") for part in relative.parts)


def put_back(mirror: Mirror, s3: Any) -> Changes:
    """Apply a run's changes through the S3 API, which creates versions and events as on AWS."""
    found = changes(mirror)
    for stored in found.deletes:
        if s3_objects.stored_object(stored.bucket, stored.key) == stored:  # keep a newer object
            s3.delete_object(Bucket=stored.bucket, Key=stored.key)
    markers = [upload for upload in found.uploads if upload[2].endswith(SUCCESS_MARKER)]
    data = found.uploads[: len(found.uploads) - len(markers)]
    with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
        for batch in (data, markers):
            list(pool.map(lambda upload: s3.upload_file(*upload, Config=IN_ONE_PART), batch))
    return found


def _files(root: Path) -> Iterator[tuple[Path, Fingerprint]]:
    directories = [str(root)]
    while directories:
        with os.scandir(directories.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    directories.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    yield Path(entry.path), Fingerprint.of(entry)
