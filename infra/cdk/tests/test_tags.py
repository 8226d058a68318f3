"""Which types take tags, and whether these can be changed, is asked of CloudFormation's schemas as cfn-lint has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

if TYPE_CHECKING:
    from tests.conftest import Templates

ALWAYS = {"project": "highwater", "environment": "private"}
ACCOUNTED = {"owner": "data-platform", "cost-centre": "highwater-production"}


def _tagged(templates: Templates) -> Iterator[tuple[str, dict[str, Any], dict[str, str]]]:
    """Each resource that takes tags: its name, what its type says of tags, and its tags."""
    for stack, template in templates.items():
        for logical, resource in template.content["Resources"].items():
            said = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource["Type"]).schema
            about = said.get("tagging", {"taggable": False})
            if about["taggable"]:
                field = about["tagProperty"].rpartition("/")[2]
                yield f"{stack}/{logical}", about, _by_key(resource.get("Properties", {}).get(field, []))


def _by_key(tags: Any) -> dict[str, str]:
    return tags if isinstance(tags, dict) else {tag["Key"]: tag["Value"] for tag in tags}


def test_whatever_takes_tags_says_whose_it_is_and_who_pays(private: Templates) -> None:
    found = list(_tagged(private))
    assert len(found) > 100
    for name, about, tags in found:
        wanted = ALWAYS | (ACCOUNTED if about.get("tagUpdatable", True) else {})
        assert tags.items() >= wanted.items(), name


def test_what_may_change_is_no_tag_where_a_change_makes_the_resource_anew(private: Templates) -> None:
    """The feature group, whose name is taken: a new cost centre would fail the deployment."""
    fixed = [(name, tags) for name, about, tags in _tagged(private) if not about.get("tagUpdatable", True)]
    assert len(fixed) == 1
    for name, tags in fixed:
        assert not tags.keys() & ACCOUNTED.keys(), name


def test_environments_are_paid_for_separately(dev: Templates, prod: Templates) -> None:
    centres = [{tags.get("cost-centre") for _, _, tags in _tagged(t)} - {None} for t in (dev, prod)]
    assert centres == [{"highwater-development"}, {"highwater-production"}]


@pytest.mark.parametrize(
    ("stack", "kind", "field", "classes"),
    [
        (
            "highwater-lake",
            "AWS::S3::Bucket",
            "BucketName",
            {
                "highwater-access-logs": "internal",
                "highwater-lake": "personal",
                "highwater-inbox": "personal",
                "highwater-artifacts": "personal",
            },
        ),
        (
            "highwater-lake",
            "AWS::DynamoDB::Table",
            "TableName",
            {"highwater-ledger": "internal", "highwater-watermarks": "internal"},
        ),
        (
            "highwater-compute",
            "AWS::SageMaker::FeatureGroup",
            "FeatureGroupName",
            {"highwater-customer-features": "personal"},
        ),
        ("highwater-server", "AWS::RDS::DBInstance", "DBName", {"prefect": "internal"}),
    ],
)
def test_what_holds_data_says_of_which_class(
    private: Templates, stack: str, kind: str, field: str, classes: dict[str, str]
) -> None:
    found = {_name(p[field]): _by_key(p["Tags"]).get("data-class") for p in private[stack].properties(kind)}
    assert found == classes


def _name(value: Any) -> str:
    return value if isinstance(value, str) else str(value["Fn::Join"][1][0]).removesuffix("-")


def test_secrets_are_a_class_of_their_own(private: Templates) -> None:
    secrets = [s for t in private.values() for s in t.properties("AWS::SecretsManager::Secret")]
    assert {_by_key(secret["Tags"]).get("data-class") for secret in secrets} == {"secret"}


def test_tasks_have_the_tags_of_their_service(private: Templates) -> None:
    services = [s for t in private.values() for s in t.properties("AWS::ECS::Service")]
    assert [service.get("PropagateTags") for service in services] == ["SERVICE"] * 3
