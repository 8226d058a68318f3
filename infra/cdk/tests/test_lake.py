from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conftest import Templates

NAME = "highwater-lake"


def _text(value: Any) -> str:
    """A name that holds the account and the region, with nothing in their place."""
    return value if isinstance(value, str) else "".join(p for p in value["Fn::Join"][1] if isinstance(p, str))


def _bucket(prod: Templates, name: str) -> dict[str, Any]:
    (found,) = [
        p for p in prod[NAME].properties("AWS::S3::Bucket") if _text(p["BucketName"]).rstrip("-") == name
    ]
    return found


@pytest.mark.parametrize(
    "name", ["highwater-lake", "highwater-artifacts", "highwater-inbox", "highwater-access-logs"]
)
def test_no_bucket_is_public_and_each_keeps_versions(prod: Templates, name: str) -> None:
    bucket = _bucket(prod, name)
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}


@pytest.mark.parametrize("name", ["highwater-lake", "highwater-artifacts", "highwater-inbox"])
def test_data_is_encrypted_with_our_key_and_its_readers_are_logged(prod: Templates, name: str) -> None:
    bucket = _bucket(prod, name)
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert rule["BucketKeyEnabled"] is True
    assert bucket["LoggingConfiguration"]["LogFilePrefix"] == f"{name}/"


def test_every_bucket_refuses_plain_http_and_old_tls(prod: Templates) -> None:
    policies = prod[NAME].properties("AWS::S3::BucketPolicy")
    assert len(policies) == 4
    for policy in policies:
        denied = [s for s in policy["PolicyDocument"]["Statement"] if s["Effect"] == "Deny"]
        assert {"Bool": {"aws:SecureTransport": "false"}} in [s["Condition"] for s in denied]
        assert {"NumericLessThan": {"s3:TlsVersion": 1.2}} in [s["Condition"] for s in denied]


def _rules(prod: Templates, bucket: str) -> dict[str, dict[str, Any]]:
    return {r["Id"]: r for r in _bucket(prod, bucket)["LifecycleConfiguration"]["Rules"]}


@pytest.mark.parametrize(
    ("bucket", "rule", "prefix"),
    [("highwater-lake", "raw", "raw/"), ("highwater-inbox", "delivered", "history/")],
)
def test_delivered_files_grow_cold_and_are_never_deleted(
    prod: Templates, bucket: str, rule: str, prefix: str
) -> None:
    found = _rules(prod, bucket)[rule]
    assert [(t["StorageClass"], t["TransitionInDays"]) for t in found["Transitions"]] == [
        ("STANDARD_IA", 30),
        ("GLACIER_IR", 90),
    ]
    assert found["Prefix"] == prefix
    assert "ExpirationInDays" not in found


def test_only_what_is_read_once_is_deleted(prod: Templates) -> None:
    lake = _rules(prod, "highwater-lake")
    assert lake["quarantine"]["Prefix"] == "quarantine/"
    expiring = {
        rule["Prefix"]: rule["ExpirationInDays"] for rule in lake.values() if "ExpirationInDays" in rule
    }
    assert expiring == {
        "runs/records/": 30,
        "runs/inbox/": 30,
        "runs/marketing/": 30,
        "runs/staging/": 30,
        "runs/digest/": 30,
        "ml/churn_dataset/rows/": 60,
        "ml/predictions/raw/": 60,
        "ml/churn_predictions/raw/": 60,
    }
    for rule in lake.values():
        assert rule["Id"] in ("raw", "quarantine", "history") or rule["NoncurrentVersionExpiration"] == {
            "NoncurrentDays": 1
        }
    assert not [rule for rule in _rules(prod, "highwater-inbox").values() if "ExpirationInDays" in rule]


def test_what_an_endpoint_was_asked_is_kept_for_a_year(prod: Templates) -> None:
    rules = _rules(prod, "highwater-artifacts")
    expiring = {r["Prefix"]: r["ExpirationInDays"] for r in rules.values() if "ExpirationInDays" in r}
    assert expiring == {"results/": 90, "endpoints/captured/": 365}


@pytest.mark.parametrize("bucket", ["highwater-lake", "highwater-artifacts", "highwater-inbox"])
def test_a_version_that_was_replaced_is_kept_for_90_days(prod: Templates, bucket: str) -> None:
    rule = _rules(prod, bucket)["history"]
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 90}
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert rule["ExpiredObjectDeleteMarker"] is True
    assert "Prefix" not in rule


@pytest.mark.parametrize("bucket", ["highwater-lake", "highwater-inbox"])
def test_deliveries_are_told_to_eventbridge(prod: Templates, bucket: str) -> None:
    notifications = _bucket(prod, bucket)["NotificationConfiguration"]
    assert notifications == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}


@pytest.mark.parametrize("name", ["highwater-ledger", "highwater-watermarks"])
def test_tables_can_be_brought_back(prod: Templates, name: str) -> None:
    table = prod[NAME].one("AWS::DynamoDB::Table", TableName=name)
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["DeletionProtectionEnabled"] is True
    assert table["SSESpecification"]["SSEType"] == "KMS"
    assert table["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]


def test_the_ledger_lists_open_rows_and_forgets_closed_ones(prod: Templates) -> None:
    table = prod[NAME].one("AWS::DynamoDB::Table", TableName="highwater-ledger")
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    (index,) = table["GlobalSecondaryIndexes"]
    assert (index["IndexName"], index["Projection"]) == ("open", {"ProjectionType": "KEYS_ONLY"})


def test_watermarks_are_never_forgotten(prod: Templates) -> None:
    table = prod[NAME].one("AWS::DynamoDB::Table", TableName="highwater-watermarks")
    assert "TimeToLiveSpecification" not in table


def test_the_key_rotates_and_outlives_the_stack(prod: Templates) -> None:
    (key,) = prod[NAME].all("AWS::KMS::Key")
    assert key["Properties"]["EnableKeyRotation"] is True
    assert key["DeletionPolicy"] == "RetainExceptOnCreate"


def test_what_is_kept_outlives_the_stack_but_not_its_failed_creation(private: Templates) -> None:
    """Left behind by a creation that failed, its name would be taken when that is repeated."""
    resources = [r for template in private.values() for r in template.content["Resources"].values()]
    policies = {(r["DeletionPolicy"], r["UpdateReplacePolicy"]) for r in resources if "DeletionPolicy" in r}
    kept = ("RetainExceptOnCreate", "Retain")
    assert policies == {kept, ("Delete", "Delete"), ("Snapshot", "Snapshot")}
    for kind in ("AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::SecretsManager::Secret"):
        found = {(r["DeletionPolicy"], r["UpdateReplacePolicy"]) for r in private[NAME].all(kind)}
        assert found == {kept}


def _of_the_key(prod: Templates, service: str) -> list[dict[str, Any]]:
    (key,) = prod[NAME].properties("AWS::KMS::Key")
    return [s for s in key["KeyPolicy"]["Statement"] if s["Principal"].get("Service") == service]


def test_the_trail_may_use_the_key_and_no_other_trail(prod: Templates) -> None:
    encrypts, looks = _of_the_key(prod, "cloudtrail.amazonaws.com")
    assert (encrypts["Action"], looks["Action"]) == ("kms:GenerateDataKey*", "kms:DescribeKey")
    name = prod[NAME].one("AWS::CloudTrail::Trail")["TrailName"]
    for statement in (encrypts, looks):
        assert _text(statement["Condition"]["StringEquals"]["aws:SourceArn"]).endswith(f":trail/{name}")
    context = encrypts["Condition"]["StringLike"]["kms:EncryptionContext:aws:cloudtrail:arn"]
    assert context["Fn::Join"][1] == [
        "arn:", {"Ref": "AWS::Partition"}, ":cloudtrail:*:", {"Ref": "AWS::AccountId"}, ":trail/*"
    ]  # fmt: skip


def test_eventbridge_may_use_the_key_without_a_condition_that_it_cannot_meet(prod: Templates) -> None:
    """It names no account when it publishes to an encrypted topic."""
    allowed = _of_the_key(prod, "events.amazonaws.com")
    assert {"kms:Decrypt", "kms:GenerateDataKey*"} in [
        set(s["Action"]) for s in allowed if "Condition" not in s
    ]


@pytest.mark.parametrize("service", ["cloudwatch", "budgets", "events"])
def test_alarms_the_budget_and_events_may_use_the_key_for_this_account(prod: Templates, service: str) -> None:
    (statement,) = [s for s in _of_the_key(prod, f"{service}.amazonaws.com") if "Condition" in s]
    assert statement["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_no_template_holds_a_secret(prod: Templates) -> None:
    for secret in prod[NAME].properties("AWS::SecretsManager::Secret"):
        assert "SecretString" not in secret
        assert "KmsKeyId" in secret


def test_who_touched_an_object_is_on_record(prod: Templates) -> None:
    (trail,) = prod[NAME].properties("AWS::CloudTrail::Trail")
    selectors = trail["EventSelectors"]
    assert [s["ReadWriteType"] for s in selectors] == ["All"] * len(selectors)
    objects = [resource for s in selectors for resource in s["DataResources"]]
    assert {resource["Type"] for resource in objects} == {"AWS::S3::Object"}
    assert re.findall(r"'(Lake|Inbox)\w+', 'Arn'", str(objects)) == ["Lake", "Inbox"]
    assert trail["EnableLogFileValidation"] is True
    assert "KMSKeyId" in trail
