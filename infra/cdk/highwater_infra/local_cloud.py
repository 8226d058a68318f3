"""The account's stacks as far as the local cloud can hold them: what its CloudFormation cannot create is left out, by name.

Used by tests/test_local_cloud.py alone. docs/parity.md has the list for people.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Final

NOT_HELD: Final = frozenset(
    {
        "AWS::ApplicationAutoScaling::ScalableTarget",
        "AWS::ApplicationAutoScaling::ScalingPolicy",
        "AWS::Budgets::Budget",
        "AWS::Chatbot::SlackChannelConfiguration",
        "AWS::CloudTrail::Trail",
        "AWS::CloudWatch::Alarm",
        "AWS::ECS::ClusterCapacityProviderAssociations",
        "AWS::Glue::Database",
        "AWS::Glue::Job",
        "AWS::Glue::SecurityConfiguration",
        "AWS::IAM::OIDCProvider",
        "AWS::S3::BucketPolicy",
        "AWS::SageMaker::FeatureGroup",
        "AWS::SageMaker::ModelPackageGroup",
        "AWS::SNS::Subscription",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::QueuePolicy",
        "AWS::SSM::Association",
        "AWS::SecretsManager::Secret",
    }
)

# Properties that moto 5.2.5 trips over.
LEFT_OUT: Final = {"AWS::KMS::Key": ("Tags",)}


def pruned(template: dict[str, Any]) -> dict[str, Any]:
    """The template without what is not held; what refers to that gets a name in its place."""
    gone = {name for name, resource in template["Resources"].items() if resource["Type"] in NOT_HELD}
    kept = {
        name: {part: value for part, value in resource.items() if part != "DependsOn"}
        for name, resource in template["Resources"].items()
        if name not in gone
    }
    for resource in kept.values():
        for field in LEFT_OUT.get(resource["Type"], ()):
            resource["Properties"] = {n: v for n, v in resource["Properties"].items() if n != field}
    content = {**template, "Resources": kept}
    content.pop("Rules", None)
    content["Parameters"] = {
        name: parameter
        for name, parameter in template.get("Parameters", {}).items()
        if name != "BootstrapVersion"
    }
    return {part: _without(value, gone) for part, value in content.items()}


def _without(value: Any, gone: set[str]) -> Any:
    if isinstance(value, list):
        return [_without(item, gone) for item in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]} if name in gone:
            return f"arn:aws:not-held:::{name}"
    return {name: _without(item, gone) for name, item in value.items()}


def assembly(source: Path, target: Path) -> None:
    """A cloud assembly beside the real one, for the CDK command line."""
    shutil.copytree(source, target)
    for path in target.glob("*.template.json"):
        path.write_text(json.dumps(pruned(json.loads(path.read_text()))))
