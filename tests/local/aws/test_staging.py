"""What Spark sees of S3, and what S3 sees of what Spark did, without Spark."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from local import resources
from local.aws import s3_objects, staging
from local.aws.job_runner import CannotRunError
from local.aws.s3_objects import StoredObject
from local.aws.server import REGION
from local.aws.staging import BodyCache, Mirror
from local.aws_resources import create_bucket

LARGE = b"L" * 1_000_000


@pytest.fixture
def cache(tmp_path: Path) -> BodyCache:
    return BodyCache(tmp_path / "bodies")


@pytest.fixture
def bucket(s3: Any) -> Iterator[str]:
    """A bucket of the test's own: one key that can't be staged would fail every other test's runs."""
    name = f"staging-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    yield name
    found = s3.list_object_versions(Bucket=name)
    for entry in [*found.get("Versions", []), *found.get("DeleteMarkers", [])]:
        s3.delete_object(Bucket=name, Key=entry["Key"], VersionId=entry["VersionId"])
    s3.delete_bucket(Bucket=name)


@pytest.fixture
def stage(tmp_path: Path, cache: BodyCache, bucket: str, s3: Any) -> Callable[..., Mirror]:
    def make(run: str = "run", **objects: bytes) -> Mirror:
        for key, body in objects.items():
            s3.put_object(Bucket=bucket, Key=key, Body=body)
        return staging.stage(tmp_path / run, cache)

    return make


def keys(s3: Any, bucket: str) -> dict[str, bytes]:
    found = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    return {entry["Key"]: s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read() for entry in found}


def test_every_bucket_is_a_directory_and_every_object_a_file(stage: Any, bucket: str) -> None:
    mirror = stage(**{"raw/year=2025/a b+ü.parquet": b"small", "large.parquet": LARGE, "folder/": b""})

    root = mirror.bucket(bucket)
    assert (root / "raw/year=2025/a b+ü.parquet").read_bytes() == b"small"
    assert (root / "large.parquet").read_bytes() == LARGE
    assert (root / "folder").is_dir()
    assert {"scripts", "lake", bucket} <= set(mirror.buckets())


def test_an_untouched_mirror_changes_nothing(stage: Any, s3: Any) -> None:
    mirror = stage(**{"a": b"small", "b": LARGE, "folder/": b""})

    assert staging.put_back(mirror, s3) == staging.Changes([], [])


def test_new_changed_and_deleted_files_become_requests(stage: Any, bucket: str, s3: Any) -> None:
    mirror = stage(**{"changed": b"old", "deleted": b"x", "kept": b"k", "large": LARGE, "marker/": b""})
    root = mirror.bucket(bucket)
    (root / "changed").write_bytes(b"new")
    (root / "deleted").unlink()
    (root / "large").unlink()
    (root / "large").write_bytes(b"replaced")
    (root / "marker").rmdir()
    (root / "out").mkdir()
    (root / "out/part-0.parquet").write_bytes(b"p")

    staging.put_back(mirror, s3)

    assert keys(s3, bucket) == {
        "changed": b"new",
        "kept": b"k",
        "large": b"replaced",
        "out/part-0.parquet": b"p",
    }


def test_unfinished_writes_are_not_uploaded(stage: Any, bucket: str, s3: Any) -> None:
    mirror = stage()
    out = mirror.bucket(bucket) / "out"
    (out / "_temporary/0").mkdir(parents=True)
    (out / ".spark-staging-1").mkdir()
    for name in ("_temporary/0/part-0", ".spark-staging-1/part-0", "part-0.parquet"):
        (out / name).write_bytes(b"x")

    staging.put_back(mirror, s3)

    assert set(keys(s3, bucket)) == {"out/part-0.parquet"}


def test_the_success_marker_comes_last(stage: Any, bucket: str) -> None:
    mirror = stage()
    for name in ("_SUCCESS", "part-0", "zzz"):
        (mirror.bucket(bucket) / name).write_bytes(b"")

    assert [key for _, _, key in staging.changes(mirror).uploads][-1] == "_SUCCESS"


def test_a_renamed_large_file_is_a_new_object(stage: Any, bucket: str, s3: Any) -> None:
    mirror = stage(large=LARGE)
    (mirror.bucket(bucket) / "large").rename(mirror.bucket(bucket) / "moved")

    staging.put_back(mirror, s3)

    assert keys(s3, bucket) == {"moved": LARGE}


def test_an_object_that_another_writer_renewed_is_not_deleted(stage: Any, bucket: str, s3: Any) -> None:
    mirror = stage(contended=b"old")
    (mirror.bucket(bucket) / "contended").unlink()
    s3.put_object(Bucket=bucket, Key="contended", Body=b"newer")

    staging.put_back(mirror, s3)

    assert keys(s3, bucket) == {"contended": b"newer"}


def test_runs_share_one_copy_of_a_body(stage: Any, bucket: str) -> None:
    first, second = (stage(run, body=LARGE).bucket(bucket) / "body" for run in ("one", "two"))
    third = stage("three").bucket(bucket) / "body"

    assert second.stat().st_ino == third.stat().st_ino
    assert first.stat().st_ino != second.stat().st_ino  # the same bytes, but a version of its own


def test_a_file_overwritten_in_place_is_uploaded_and_spoils_no_other_run(
    stage: Any, bucket: str, s3: Any
) -> None:
    one, two = stage("one", figures=b"old"), stage("two")
    (one.bucket(bucket) / "figures").write_bytes(b"new")  # through the link: run two's file changes with it

    three = stage("three")
    staging.put_back(one, s3)
    s3.put_object(Bucket=bucket, Key="figures", Body=b"newest")
    staging.put_back(two, s3)

    assert (three.bucket(bucket) / "figures").read_bytes() == b"old"
    assert keys(s3, bucket) == {"figures": b"newest"}
    assert (stage("four").bucket(bucket) / "figures").read_bytes() == b"newest"


def test_the_last_writer_wins_also_when_it_was_not_the_run(stage: Any, bucket: str, s3: Any) -> None:
    mirror = stage(early=b"0", late=b"0")
    (mirror.bucket(bucket) / "early").write_bytes(b"by the run")
    s3.put_object(Bucket=bucket, Key="early", Body=b"later by another")
    s3.put_object(Bucket=bucket, Key="late", Body=b"by another")
    time.sleep(0.02)
    (mirror.bucket(bucket) / "late").write_bytes(b"later by the run")

    staging.put_back(mirror, s3)

    assert keys(s3, bucket) == {"early": b"later by another", "late": b"later by the run"}


def test_a_new_version_of_a_large_object_is_seen_by_the_next_run_only(
    stage: Any, bucket: str, s3: Any
) -> None:
    before = stage("one", large=LARGE)
    s3.put_object(Bucket=bucket, Key="large", Body=LARGE.lower())
    after = stage("two")

    assert (before.bucket(bucket) / "large").read_bytes() == LARGE
    assert (after.bucket(bucket) / "large").read_bytes() == LARGE.lower()


def test_the_cache_keeps_no_body_that_s3_no_longer_has(
    stage: Any, s3: Any, bucket: str, tmp_path: Path
) -> None:
    before = stage("one", large=LARGE)
    s3.delete_object(Bucket=bucket, Key="large")
    stage("two")

    assert LARGE not in [body.read_bytes() for body in (tmp_path / "bodies").iterdir()]
    assert (before.bucket(bucket) / "large").read_bytes() == LARGE


def test_deleted_objects_of_a_versioned_bucket_are_not_there(stage: Any, bucket: str, s3: Any) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=bucket, Key="gone", Body=b"x")
    s3.delete_object(Bucket=bucket, Key="gone")

    assert list(stage().bucket(bucket).iterdir()) == []


@pytest.mark.parametrize(
    "key", ["../escape", "a/../../escape", "/absolute", "a//b", "./a", "..", "a/..", "nul\0"]
)
def test_a_key_that_is_no_path_is_refused(tmp_path: Path, key: str) -> None:
    stored = StoredObject("b", key, size=1, modified=0.0, version="1")

    with pytest.raises(CannotRunError, match="delete it"):
        staging.safe_path(tmp_path, stored)


@pytest.mark.parametrize("objects", [["a", "a/b"], ["a/b", "a"]])
def test_a_key_that_is_a_file_and_a_folder_is_refused(stage: Any, objects: list[str]) -> None:
    with pytest.raises(CannotRunError, match="is an object and a folder of objects"):
        stage(**dict.fromkeys(objects, b"x"))


def test_a_partners_file_fails_no_run_whatever_its_name(stage: Any, s3: Any) -> None:
    create_bucket(s3, resources.INBOX)
    version = s3.put_object(Bucket=resources.INBOX.name, Key="inbox//a.csv", Body=b"x")["VersionId"]

    mirror = stage(a=b"x")

    assert resources.INBOX.name not in mirror.buckets()
    s3.delete_object(Bucket=resources.INBOX.name, Key="inbox//a.csv", VersionId=version)


def test_an_escaping_key_in_a_bucket_fails_the_stage_and_writes_nothing_outside(
    stage: Any, bucket: str, s3: Any, tmp_path: Path
) -> None:
    s3.put_object(Bucket=bucket, Key="a/../../../escaped", Body=b"x")

    with pytest.raises(CannotRunError, match=r"s3://.*/a/\.\./\.\./\.\./escaped"):
        stage()
    assert not list(tmp_path.rglob("escaped"))


def test_a_name_longer_than_a_file_system_takes_is_refused(stage: Any) -> None:
    with pytest.raises(CannotRunError, match="can't be shown to Spark"):
        stage(**{"n" * 300: b"x"})


def test_an_etag_is_not_computed_while_a_body_is_read(s3: Any, bucket: str) -> None:
    """moto does so by moving the body's own file pointer: the reader at that moment gets a part."""
    s3.put_object(Bucket=bucket, Key="busy", Body=LARGE)
    key = s3_objects._current(bucket, "busy")
    assert key is not None
    etag = key.etag
    key._etag = None

    with ThreadPoolExecutor(1) as pool:
        with key.lock:
            computing = pool.submit(lambda: key.etag)
            with pytest.raises(TimeoutError):
                computing.result(timeout=0.2)
        assert computing.result(timeout=5) == etag
