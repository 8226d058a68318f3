"""Replication to another region, with and without the parameter that asks for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from highwater_infra.grants import policies
from highwater_infra.resolved import resolved

if TYPE_CHECKING:
    from tests.conftest import Templates

NAME = "highwater-lake"
THERE = "eu-west-1"
LAKE, INBOX = (f"arn:aws:s3:::highwater-{name}-123456789012-ap-southeast-1" for name in ("lake", "inbox"))
COPIES = {name: f"cdk-highwater-{name}-copy-123456789012-{THERE}" for name in ("lake", "inbox")}


def _deployed(prod: Templates, region: str) -> dict[str, dict[str, Any]]:
    """The resources that CloudFormation makes, with its conditions decided."""
    content = prod[NAME].content
    named = content["Conditions"]["IsCopied"]
    assert named == {"Fn::Not": [{"Fn::Equals": [{"Ref": "CopyRegion"}, ""]}]}
    made = {
        name: resource
        for name, resource in content["Resources"].items()
        if region or resource.get("Condition") != "IsCopied"
    }
    return {name: _decided(resource, bool(region)) for name, resource in made.items()}


def _decided(value: Any, is_copied: bool) -> Any:
    match value:
        case {"Fn::If": ["IsCopied", given, otherwise]}:
            return _decided(given if is_copied else otherwise, is_copied)
        case dict():
            parts = {name: _decided(part, is_copied) for name, part in value.items()}
            return {name: part for name, part in parts.items() if part != {"Ref": "AWS::NoValue"}}
        case list():
            return [_decided(item, is_copied) for item in value]
    return value


def _replications(prod: Templates, region: str) -> dict[str, Any]:
    found = [r["Properties"] for r in _deployed(prod, region).values() if r["Type"] == "AWS::S3::Bucket"]
    return {
        resolved(p["BucketName"]): resolved(p["ReplicationConfiguration"], {"CopyRegion": region})
        for p in found
        if "ReplicationConfiguration" in p
    }


def test_nothing_is_copied_unless_a_region_is_named(prod: Templates) -> None:
    assert prod[NAME].content["Parameters"]["CopyRegion"]["Default"] == ""
    assert _replications(prod, "") == {}
    roles = [r["Properties"] for r in _deployed(prod, "").values() if r["Type"] == "AWS::IAM::Role"]
    assert "highwater-copies" not in [role.get("RoleName") for role in roles]
    assert not [name for name in _deployed(prod, "") if "copies" in name.lower()]


def test_deliveries_and_what_cannot_be_computed_again_are_copied(prod: Templates) -> None:
    found = _replications(prod, THERE)
    assert {
        bucket: [rule["Filter"]["Prefix"] for rule in configuration["Rules"]]
        for bucket, configuration in found.items()
    } == {
        "highwater-lake-123456789012-ap-southeast-1": [
            "raw/", "mended/", "bronze/", "ml/predictions/accepted/", "ml/predictions/data/",
            "ml/churn_predictions/data/",
        ],
        "highwater-inbox-123456789012-ap-southeast-1": ["inbox/", "history/"],
    }  # fmt: skip


def test_nothing_is_copied_that_the_original_forgets(prod: Templates) -> None:
    """Its copy would outlive it: only old versions expire there."""
    for bucket in (
        r["Properties"] for r in _deployed(prod, THERE).values() if r["Type"] == "AWS::S3::Bucket"
    ):
        if "ReplicationConfiguration" in bucket:
            expiring = [
                r["Prefix"] for r in bucket["LifecycleConfiguration"]["Rules"] if "ExpirationInDays" in r
            ]
            copied = [rule["Filter"]["Prefix"] for rule in bucket["ReplicationConfiguration"]["Rules"]]
            assert not [c for c in copied for e in expiring if c.startswith(e) or e.startswith(c)]


@pytest.mark.parametrize("name", ["lake", "inbox"])
def test_copies_are_encrypted_with_the_key_there_and_deletions_are_not_copied(
    prod: Templates, name: str
) -> None:
    (rules,) = [c["Rules"] for bucket, c in _replications(prod, THERE).items() if name in bucket]
    assert [rule["Priority"] for rule in rules] == list(range(1, len(rules) + 1))
    for rule in rules:
        assert rule["Destination"]["Bucket"] == f"arn:aws:s3:::{COPIES[name]}"
        assert rule["Destination"]["EncryptionConfiguration"] == {
            "ReplicaKmsKeyID": f"arn:aws:kms:{THERE}:123456789012:alias/highwater-copies"
        }
        assert rule["SourceSelectionCriteria"] == {"SseKmsEncryptedObjects": {"Status": "Enabled"}}
        assert rule["DeleteMarkerReplication"] == {"Status": "Disabled"}
        assert rule["Status"] == "Enabled"


def _statements(prod: Templates) -> list[dict[str, Any]]:
    (policy,) = [
        r["Properties"]["PolicyDocument"]
        for name, r in _deployed(prod, THERE).items()
        if r["Type"] == "AWS::IAM::Policy" and r.get("Condition") == "IsCopied"
    ]
    statements: list[dict[str, Any]] = resolved(policy["Statement"], {"CopyRegion": THERE})
    return statements


def test_s3_may_read_our_buckets_write_their_copies_and_delete_nothing(prod: Templates) -> None:
    may: dict[str, set[str]] = {}
    for statement in _statements(prod):
        actions, resources = statement["Action"], statement["Resource"]
        for resource in resources if isinstance(resources, list) else [resources]:
            may.setdefault(resource, set()).update(actions if isinstance(actions, list) else [actions])
    reading = {"s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging"}
    writing = {"s3:ReplicateObject", "s3:ReplicateTags"}
    looking = {"s3:GetReplicationConfiguration", "s3:ListBucket"}
    assert may == {
        **dict.fromkeys((LAKE, INBOX), looking),
        **{f"{bucket}/*": reading for bucket in (LAKE, INBOX)},
        **{f"arn:aws:s3:::{copy}/*": writing for copy in COPIES.values()},
        "made-by-aws": {"kms:Decrypt"},
        f"arn:aws:kms:{THERE}:123456789012:key/*": {"kms:Encrypt", "kms:GenerateDataKey"},
    }


def test_keys_are_used_by_s3_for_these_buckets_alone(prod: Templates) -> None:
    conditions = [s["Condition"] for s in _statements(prod) if "kms:" in str(s["Action"])]
    assert {
        "StringEquals": {
            "kms:ViaService": "s3.ap-southeast-1.amazonaws.com",
            "kms:EncryptionContext:aws:s3:arn": [LAKE, INBOX],
        }
    } in conditions
    assert {
        "ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/highwater-copies"},
        "StringEquals": {"kms:ViaService": f"s3.{THERE}.amazonaws.com"},
    } in conditions


def test_cloudformation_may_hand_the_role_to_s3() -> None:
    assert policies()["cdk-highwater-execution"].grants(
        "iam:PassRole",
        "arn:aws:iam::123456789012:role/highwater-copies",
        PassedToService="s3.amazonaws.com",
    )


@pytest.mark.parametrize("copy", list(COPIES.values()))
def test_only_s3_reaches_the_copies_and_only_to_add_to_them(copy: str) -> None:
    """Neither whoever deploys nor what runs can change or delete what a disaster here is recovered from."""
    execution, at_most = (policies()[f"cdk-highwater-{name}"] for name in ("execution", "boundary"))
    bucket = f"arn:aws:s3:::{copy}"
    for action in ("DeleteBucket", "PutBucketPolicy", "PutLifecycleConfiguration", "PutBucketVersioning"):
        assert not execution.grants(f"s3:{action}", bucket)
    for action in ("GetObject", "PutObject", "DeleteObject", "DeleteObjectVersion", "ReplicateDelete"):
        assert not at_most.grants(f"s3:{action}", f"{bucket}/raw/a")
    assert at_most.grants("s3:ReplicateObject", f"{bucket}/raw/a")
    assert at_most.grants("s3:ReplicateTags", f"{bucket}/raw/a")
    for action in ("PutKeyPolicy", "ScheduleKeyDeletion", "DeleteAlias"):
        assert execution.grants(f"kms:{action}", "made-by-aws")
        assert not execution.grants(f"kms:{action}", "made-by-aws", RequestedRegion=THERE)


def _of_copies(kind: str) -> list[dict[str, Any]]:
    template = yaml.safe_load((Path(__file__).parents[1] / "bootstrap" / "copies.yaml").read_text())
    return [r["Properties"] for r in template["Resources"].values() if r["Type"] == kind]


def test_another_account_may_read_the_copies_if_it_is_named_and_do_no_more() -> None:
    documents = [each["PolicyDocument"] for each in _of_copies("AWS::S3::BucketPolicy")]
    documents += [each["KeyPolicy"] for each in _of_copies("AWS::KMS::Key")]
    conditional = [s["Fn::If"] for document in documents for s in document["Statement"] if "Fn::If" in s]
    assert len(conditional) == len(documents) == 3
    for condition, given, otherwise in conditional:
        assert (condition, otherwise) == ("HasReader", {"Ref": "AWS::NoValue"})
        assert given["Principal"] == {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${Reader}:root"}}
        assert set([given["Action"]] if isinstance(given["Action"], str) else given["Action"]) <= {
            "s3:GetObject*", "s3:ListBucket*", "kms:Decrypt",
        }  # fmt: skip


def test_the_copy_of_the_inbox_forgets_what_was_taken_and_keeps_its_history() -> None:
    """Each file taken is in history/ too; its deletion from inbox/ is not copied."""
    lake, inbox = (b["LifecycleConfiguration"]["Rules"] for b in _of_copies("AWS::S3::Bucket"))
    assert [rule for rule in lake if "ExpirationInDays" in rule] == []
    assert [(r["Prefix"], r["ExpirationInDays"]) for r in inbox if "ExpirationInDays" in r] == [
        ("inbox/", 30)
    ]


def test_the_template_for_the_other_region_makes_what_is_expected_there() -> None:
    template = yaml.safe_load((Path(__file__).parents[1] / "bootstrap" / "copies.yaml").read_text())
    resources = list(template["Resources"].values())
    buckets = [r["Properties"] for r in resources if r["Type"] == "AWS::S3::Bucket"]
    assert [resolved(b["BucketName"]).replace("ap-southeast-1", THERE) for b in buckets] == list(
        COPIES.values()
    )
    for bucket in buckets:
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}  # S3 copies into no other
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == {"Fn::GetAtt": ["Key", "Arn"]}
    (alias,) = [r["Properties"] for r in resources if r["Type"] == "AWS::KMS::Alias"]
    assert alias == {"AliasName": "alias/highwater-copies", "TargetKeyId": {"Ref": "Key"}}
