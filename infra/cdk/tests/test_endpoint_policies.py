from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.conftest import Templates

NAME = "highwater-network"
ACCOUNT = {"Ref": "AWS::AccountId"}


def _text(value: Any) -> str:
    """With the names of pseudo parameters where they stand."""
    if isinstance(value, str):
        return value
    if "Fn::Join" in value:
        return "".join(_text(part) for part in value["Fn::Join"][1])
    return f"<{value['Ref']}>"


def _policy(templates: Templates, service: str) -> list[dict[str, Any]]:
    (endpoint,) = [
        e
        for e in templates[NAME].properties("AWS::EC2::VPCEndpoint")
        if _text(e["ServiceName"]).endswith(f">.{service}")
    ]
    statements: list[dict[str, Any]] = endpoint["PolicyDocument"]["Statement"]
    assert {statement["Effect"] for statement in statements} == {"Allow"}
    return statements


def test_every_endpoint_of_the_private_account_has_a_policy_and_none_elsewhere(
    prod: Templates, private: Templates
) -> None:
    """Elsewhere whoever is in the network may take the NAT gateway instead."""
    endpoints = private[NAME].properties("AWS::EC2::VPCEndpoint")
    assert len(endpoints) == 17
    assert all("PolicyDocument" in endpoint for endpoint in endpoints)
    assert "PolicyDocument" not in str(prod[NAME].properties("AWS::EC2::VPCEndpoint"))


def test_interface_endpoints_take_this_account_to_this_account(private: Templates) -> None:
    interfaces = [
        e for e in private[NAME].properties("AWS::EC2::VPCEndpoint") if e["VpcEndpointType"] == "Interface"
    ]
    assert len(interfaces) == 15
    for endpoint in interfaces:
        (statement,) = endpoint["PolicyDocument"]["Statement"]
        assert statement["Condition"] == {
            "StringEquals": {"aws:PrincipalAccount": ACCOUNT, "aws:ResourceAccount": ACCOUNT}
        }


def test_s3_takes_this_account_to_our_buckets(private: Templates) -> None:
    ours, _ = _policy(private, "s3")
    assert ours["Condition"] == {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}
    buckets = {_text(resource) for resource in ours["Resource"]}
    unique = "<AWS::AccountId>-<AWS::Region>"
    assert buckets == {
        f"arn:<AWS::Partition>:s3:::highwater-{name}-{unique}{objects}"
        for name in ("lake", "artifacts", "inbox")
        for objects in ("", "/*")
    }


def test_of_others_layers_of_images_and_results_of_snowflake_are_read(private: Templates) -> None:
    """With addresses that ECR and Snowflake have signed: neither is of this account."""
    _, others = _policy(private, "s3")
    assert others["Action"] == "s3:GetObject"
    assert "Condition" not in others
    stage, layers = others["Resource"]
    assert _text(layers) == "arn:<AWS::Partition>:s3:::prod-<AWS::Region>-starport-layer-bucket/*"
    given, bucket, otherwise = stage["Fn::If"]
    assert (given, otherwise) == ("SnowflakeStageIsKnown", {"Ref": "AWS::NoValue"})
    assert _text(bucket) == "arn:<AWS::Partition>:s3:::<SnowflakeStageBucket>/*"
    assert private[NAME].content["Parameters"]["SnowflakeStageBucket"]["Default"] == ""


def test_dynamodb_takes_this_account_to_our_tables(private: Templates) -> None:
    (statement,) = _policy(private, "dynamodb")
    assert statement["Condition"] == {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}
    tables = {_text(resource).partition(":table/")[2] for resource in statement["Resource"]}
    made = {table["TableName"] for table in private["highwater-lake"].properties("AWS::DynamoDB::Table")}
    assert {table.partition("/")[0] for table in tables} == made
    assert {table.partition("/")[2] for table in tables} == {"", "index/*"}
