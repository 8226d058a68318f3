"""`s3://` as Spark's local file system sees it: a directory per run that mirrors every bucket.

Small objects are written straight from moto's memory. Large ones are hard links to one copy on disk, so that
a lake of gigabytes is there in a moment. A linked file is read-only, and a run that changed one all the same is
refused, as other runs see the same bytes. Spark never does that: the files it writes have names of their own.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from local.aws import s3_objects
from local.aws.job_runner import CannotRunError
from local.aws.s3_objects import StoredObject

LINKED_FROM_BYTES = 128 * 1024
UPLOADS_AT_ONCE = 4
SUCCESS_MARKER = "_SUCCESS"


@dataclass(frozen=True)
class Fingerprint:
    """Which bytes a file holds, told cheaply: a write changes the time, a replacement the inode."""

    inode: int
    modified_ns: int
    size: int

    @classmethod
    def of(cls, path: Path | os.DirEntry[str]) -> Fingerprint:
        stat = path.stat()
        return cls(stat.st_ino, stat.st_mtime_ns, stat.st_size)


class BodyCache:
    """One read-only file per large object version; forgotten with the server, as moto's objects are."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._known: dict[Path, Fingerprint] = {}
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)

    def link(self, stored: StoredObject, to: Path) -> bool:
        """False if the object is gone, or was replaced since it was listed."""
        name = hashlib.sha256(f"{stored.bucket}\n{stored.key}\n{stored.version}".encode()).hexdigest()
        body = self._directory / name
        with self._lock:
            known = self._known.get(body)
            if known is None or not body.exists() or Fingerprint.of(body) != known:
                if not self._fill(stored, body):
                    return False
                self._known[body] = Fingerprint.of(body)
            os.link(body, to)
        return True

    def _fill(self, stored: StoredObject, body: Path) -> bool:
        partial = body.with_suffix(".partial")
        written = s3_objects.write_body(stored.bucket, stored.key, partial)
        if written is None or written.version != stored.version:
            partial.unlink(missing_ok=True)
            return False
        os.utime(partial, (stored.modified, stored.modified))
        partial.chmod(0o444)
        partial.replace(body)
        return True


@dataclass
class Mirror:
    """The directory that one run sees as S3, and what was in it at the start."""

    root: Path
    staged: dict[Path, tuple[StoredObject, Fingerprint]] = field(default_factory=dict)
    linked: set[Path] = field(default_factory=set)
    folders: dict[Path, StoredObject] = field(default_factory=dict)

    def bucket(self, name: str) -> Path:
        return self.root / name

    def buckets(self) -> dict[str, Path]:
        return {path.name: path for path in self.root.iterdir()}


def stage(root: Path, cache: BodyCache) -> Mirror:
    mirror = Mirror(root)
    made: set[Path] = set()
    for bucket in s3_objects.bucket_names():
        mirror.bucket(bucket).mkdir(parents=True)
        for stored in s3_objects.stored_objects(bucket):
            _stage_object(mirror, stored, cache, made)
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
        current: StoredObject | None = stored
        while current is not None and not _write(mirror, path, current, cache):
            current = s3_objects.stored_object(stored.bucket, stored.key)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise CannotRunError(
            f"{uri(stored)} is an object and a folder of objects, which no file system can hold: delete one"
        ) from error
    except (OSError, ValueError) as error:
        raise CannotRunError(
            f"{uri(stored)} can't be shown to Spark as a local file ({error}): delete it"
        ) from error


def _write(mirror: Mirror, path: Path, stored: StoredObject, cache: BodyCache) -> bool:
    if stored.size >= LINKED_FROM_BYTES:
        if not cache.link(stored, path):
            return False
        mirror.linked.add(path)
        mirror.staged[path] = (stored, Fingerprint.of(path))
        return True
    if path.exists():
        raise FileExistsError(path)
    written = s3_objects.write_body(stored.bucket, stored.key, path)
    if written is not None:
        os.utime(path, (written.modified, written.modified))
        mirror.staged[path] = (written, Fingerprint.of(path))
    return True


def safe_path(bucket_root: Path, stored: StoredObject) -> Path:
    """A key may be any text; only one that names a file below the bucket's own directory becomes a path."""
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
    uploads: list[tuple[Path, str, str]]
    deletes: list[StoredObject]


def changes(mirror: Mirror) -> Changes:
    """What the run did to the mirror, as S3 requests."""
    present = dict(_files(mirror.root))
    overwritten = [
        path for path in mirror.linked if path in present and present[path] != mirror.staged[path][1]
    ]
    in_place = [path for path in overwritten if present[path].inode == mirror.staged[path][1].inode]
    if in_place:
        stored = mirror.staged[in_place[0]][0]
        raise CannotRunError(
            f"{uri(stored)} was overwritten in place, which the local cloud can't do for objects of "
            f"{LINKED_FROM_BYTES} bytes and more: write to a new key, or delete the object first"
        )
    uploads = []
    for path, fingerprint in present.items():
        known = mirror.staged.get(path)
        if known is not None and known[1] == fingerprint:
            continue
        if known is None and is_scratch(path.relative_to(mirror.root)):
            continue
        bucket, *key = path.relative_to(mirror.root).parts
        uploads.append((path, bucket, "/".join(key)))
    # S3 readers take the marker as the sign that the rest is there.
    uploads.sort(key=lambda upload: upload[2].endswith(SUCCESS_MARKER))
    gone = [stored for path, (stored, _) in mirror.staged.items() if path not in present]
    gone += [stored for path, stored in mirror.folders.items() if not path.is_dir()]
    return Changes(uploads, gone)


def is_scratch(relative: PurePosixPath | Path) -> bool:
    """Hadoop's local checksums, and what an unfinished write leaves: on Glue neither reaches a bucket."""
    name = relative.name
    unfinished = any(part == "_temporary" or part.startswith(".spark-staging") for part in relative.parts)
    return unfinished or (name.startswith(".") and name.endswith(".crc"))


def put_back(mirror: Mirror, s3: Any) -> Changes:
    """Apply a run's changes to S3 through its API, so that versions and events come as they would on AWS."""
    found = changes(mirror)
    for stored in found.deletes:
        if (
            s3_objects.stored_object(stored.bucket, stored.key) == stored
        ):  # else it is someone else's newer object
            s3.delete_object(Bucket=stored.bucket, Key=stored.key)
    markers = [upload for upload in found.uploads if upload[2].endswith(SUCCESS_MARKER)]
    data = found.uploads[: len(found.uploads) - len(markers)]
    with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
        for batch in (data, markers):
            list(pool.map(lambda upload: s3.upload_file(str(upload[0]), upload[1], upload[2]), batch))
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


def remove(root: Path) -> None:
    """Delete a run's directory. Read-only links are no obstacle: only the directory must be writable."""
    shutil.rmtree(root, ignore_errors=True)
