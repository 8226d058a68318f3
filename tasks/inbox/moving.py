"""Where a file goes: to history/ once it is loaded, or nowhere, with a sidecar beside it that says why it was refused.

Each function may be interrupted and repeated. The version that was read is deleted, and no other: a file that replaced it
meanwhile stays.
"""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from tasks.errors import SystemFault, aws_failures
from tasks.inbox.file_name import FileName
from tasks.inbox.judging import Judged
from tasks.inbox.waiting import GONE, HISTORY, INBOX, SIDECAR, Version
from tasks.services import aws
from tasks.settings import settings

_HASH_SHOWN = 8


def history_key(version: Version, name: FileName) -> str:
    """Folders of the inbox are kept."""
    return f"{HISTORY}{name.kind}/{name.batch_date:year=%Y/month=%m/day=%d}/{version.key.removeprefix(INBOX)}"


def copy_to_history(version: Version, name: FileName, file_hash: str) -> str:
    """Copy the version to history/ and verify the copy. Returns its key. A copy that is there already is found again.

    Versions of one history_key are copied one after the other: side by side, none would see that the other takes the key.
    """
    return copied(version, history_key(version, name), file_hash)


def delete_read(version: Version) -> None:
    """Delete the version that was read, after its copy is on record. One that is gone already is no error."""
    bucket = settings().inbox_bucket
    with aws_failures(f"deleting version {version.version_id} of s3://{bucket}/{version.key}"):
        aws.s3().delete_object(Bucket=bucket, Key=version.key, VersionId=version.version_id)


def copied(version: Version, key: str, file_hash: str) -> str:
    """The key of history/ that has the version now: this one, or a second name for it where other content has it."""
    checksum = b64encode(bytes.fromhex(file_hash)).decode()
    for free in (key, f"{key}.{file_hash[:_HASH_SHOWN]}"):
        there = _checksum(free)
        if there == checksum:
            return free
        if there is None:
            _copy(version, free, checksum)
            return free
    raise SystemFault(
        f"s3://{settings().inbox_bucket}/{key} and a second name for it should hold what {version.key} held, and both hold "
        f"something else. Move them away, then run again. {version.key} is loaded and stays where it is."
    )


def _checksum(key: str) -> str | None:
    """The SHA-256 of an object, empty if S3 knows none, None if there is no such object."""
    bucket = settings().inbox_bucket
    with aws_failures(f"asking for s3://{bucket}/{key}"):
        try:
            return (
                aws.s3().head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED").get("ChecksumSHA256", "")
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in GONE:
                return None
            raise


def _copy(version: Version, key: str, checksum: str) -> None:
    bucket = settings().inbox_bucket
    source: Any = {"Bucket": bucket, "Key": version.key, "VersionId": version.version_id}
    with aws_failures(f"copying version {version.version_id} of s3://{bucket}/{version.key} to {key}"):
        try:
            answer = aws.s3().copy_object(
                Bucket=bucket, Key=key, CopySource=source, ChecksumAlgorithm="SHA256"
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in GONE:
                raise
            raise SystemFault(
                f"s3://{bucket}/{version.key} was loaded, but its version {version.version_id} was deleted before it was "
                "moved to history/. Its rows are in the warehouse; ask the sender for the file if history/ must have it."
            ) from error
    copied = answer["CopyObjectResult"].get("ChecksumSHA256")
    if copied != checksum:
        raise SystemFault(
            f"s3://{bucket}/{key}, the copy of {version.key}, has the SHA-256 {copied} and should have {checksum}. The file "
            "stays in the inbox; delete the copy, then run again."
        )


def write_sidecar(judged: Judged, run_id: str) -> None:
    """Say beside the file why it was refused, and what to do."""
    found = judged.found
    said = {
        "file": judged.version.key,
        "version_id": judged.version.version_id,
        "received_at": judged.version.received_at,
        "status": "refused",
        "reason": judged.refusal,
        "how_to_mend": "Correct the file and upload it under the same name. It is not tried again until its content "
        f"changes, or until somebody runs retail-inbox with keys=[{judged.version.key!r}].",
        "kind": judged.name.kind if judged.name else None,
        "batch_date": judged.name.batch_date if judged.name else None,
        "figures": {
            name: found.get(name)
            for name in (
                "encoding",
                "delimiter",
                "records",
                "header_lines",
                "blank_lines",
                "rows",
                "rejected_records",
            )
        },
        "reasons": dict(judged.reasons),
        "first_broken_rows": list(judged.examples),
        "run_id": run_id,
        "refused_at": datetime.now(UTC),
    }
    bucket, key = settings().inbox_bucket, f"{judged.version.key}{SIDECAR}"
    with aws_failures(f"writing s3://{bucket}/{key}"):
        aws.s3().put_object(
            Bucket=bucket,
            Key=key,
            Body=json.dumps(said, indent=2, default=str, ensure_ascii=False).encode(),
            ContentType="application/json",
        )


def delete_sidecar(moved: Version) -> None:
    """Delete the sidecar of a file, unless it is about a version that arrived after the one that is moved. Where there is
    none, S3 would add a deletion to the bucket."""
    bucket, sidecar = settings().inbox_bucket, f"{moved.key}{SIDECAR}"
    body = _body(sidecar)
    if body is not None and not _is_about_later(body, moved):
        with aws_failures(f"deleting s3://{bucket}/{sidecar}"):
            aws.s3().delete_object(Bucket=bucket, Key=sidecar)


def _body(key: str) -> bytes | None:
    bucket = settings().inbox_bucket
    with aws_failures(f"reading s3://{bucket}/{key}"):
        try:
            return aws.s3().get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in GONE:
                return None
            raise


def _is_about_later(sidecar: bytes, moved: Version) -> bool:
    """False for a sidecar that cannot be read."""
    try:
        said = json.loads(sidecar)
        refused = Version(moved.key, said["version_id"], datetime.fromisoformat(said["received_at"]), 0)
        return refused.arrival > moved.arrival
    except (ValueError, KeyError, TypeError):
        return False
