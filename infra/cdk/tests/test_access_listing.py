"""What of a bucket each role may list."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import pytest
from tests.roles import NAME, actions_of, listed, places_of, statements_of, statements_of_all

if TYPE_CHECKING:
    from tests.conftest import Templates


def _patterns(statements: list[dict[str, Any]], bucket: str) -> set[str]:
    """What of the bucket highwater-<bucket> may be listed."""
    listing = [s for s in statements if "s3:ListBucket" in listed(s["Action"])]
    return {
        pattern
        for statement in listing
        for resource in listed(statement["Resource"])
        if f":s3:::highwater-{bucket}-" in str(resource)
        for pattern in listed(statement["Condition"]["StringLike"]["s3:prefix"])
    }


def _of_bucket(statements: list[dict[str, Any]], action: str, bucket: str) -> set[str]:
    """The prefixes below which the action may be done."""
    places = {
        place.partition("/*") for place in places_of(statements, action) if place.startswith(f"{bucket}/")
    }
    return {prefix.removeprefix(f"{bucket}/") for prefix, below, _ in places if below}


_ROLES_THAT_LIST = {
    "highwater-flow-run",
    "highwater-glue",
    "highwater-glue-medallion",
    "highwater-operator",
    "highwater-sagemaker",
    "highwater-snowflake",
}


def test_no_role_lists_a_whole_bucket(prod: Templates) -> None:
    listing = [
        s
        for s in statements_of_all(prod)
        if {"s3:ListBucket", "s3:ListBucketVersions"} & set(listed(s["Action"]))
    ]
    assert len(listing) >= len(_ROLES_THAT_LIST)
    # S3 itself lists what it copies to another region, and names no prefix.
    (copying,) = [s for s in listing if "Condition" not in s]
    assert set(copying["Action"]) == {"s3:GetReplicationConfiguration", "s3:ListBucket"}
    listing.remove(copying)
    patterns = [p for s in listing for p in listed(s["Condition"]["StringLike"]["s3:prefix"])]
    assert not [pattern for pattern in patterns if pattern.startswith(("*", "/")) or not pattern]
    roles = {role["RoleName"] for role in prod[NAME].properties("AWS::IAM::Role")}
    assert {
        role for role in roles if "s3:ListBucket" in actions_of(statements_of(prod, role))
    } == _ROLES_THAT_LIST


@pytest.mark.parametrize("role", sorted(_ROLES_THAT_LIST))
@pytest.mark.parametrize("bucket", ["lake", "artifacts", "inbox"])
def test_a_role_lists_what_it_reads_and_writes_and_nothing_beside(
    prod: Templates, role: str, bucket: str
) -> None:
    """S3 takes a key that is not there for a prefix: who may not list it is refused instead of told that it is missing."""
    statements = statements_of(prod, role)
    used = _of_bucket(statements, "s3:GetObject", bucket) | _of_bucket(statements, "s3:PutObject", bucket)
    listed = _patterns(statements, bucket)
    assert not [prefix for prefix in used if not any(fnmatchcase(f"{prefix}/a/b", p) for p in listed)]
    below = {pattern.removesuffix("/*") for pattern in listed if pattern.endswith("/*")}
    # docs/operate.md has people list the reports of lake-maintenance, which they read in Prefect.
    beside = {"maintenance"} if (role, bucket) == ("highwater-operator", "lake") else set()
    assert below - used == beside


@pytest.mark.parametrize("role", ["highwater-glue", "highwater-glue-medallion"])
def test_spark_looks_at_every_folder_above_what_it_writes(prod: Templates, role: str) -> None:
    """Hadoop asks for each: by HEAD of the name without a slash, and by a listing of the name with one."""
    statements = statements_of(prod, role)
    reading = places_of(statements, "s3:GetObject")
    for prefix in _of_bucket(statements, "s3:PutObject", "lake"):
        parts = prefix.split("/")
        for depth in range(1, len(parts) + 1):
            folder = "/".join(parts[:depth])
            assert f"lake/{folder}" in reading
            assert folder in _patterns(statements, "lake")
            assert {f"{folder}/", f"{folder}/*"} & _patterns(statements, "lake")


def test_where_a_bucket_is_is_asked_by_jobs_and_snowflake_alone(prod: Templates) -> None:
    """Our own code does not ask (docs/aws-calls.md)."""
    roles = {role["RoleName"] for role in prod[NAME].properties("AWS::IAM::Role")}
    assert {role for role in roles if "s3:GetBucketLocation" in actions_of(statements_of(prod, role))} == {
        "highwater-glue", "highwater-glue-medallion", "highwater-sagemaker", "highwater-snowflake"
    }  # fmt: skip
