"""The account's stacks as far as the local cloud can hold them: what its CloudFormation cannot create is left out, by name.

Used by tests/test_local_cloud.py and, as `python -m highwater_infra.local_cloud <assembly> <target>`, by `make rehearse`.
docs/parity.md has the list for people.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections import Counter
from collections.abc import Mapping
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


def pruned(template: dict[str, Any], secrets: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The template without what is not held; what refers to that gets a name in its place, or a secret's ARN by its name."""
    gone = {
        name: _stand_in(name, resource, secrets or {})
        for name, resource in template["Resources"].items()
        if resource["Type"] in NOT_HELD
    }
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


def _stand_in(name: str, resource: dict[str, Any], secrets: Mapping[str, str]) -> str:
    called = resource.get("Properties", {}).get("Name")
    known = secrets.get(called) if isinstance(called, str) else None
    return known or f"arn:aws:not-held:::{name}"


def _without(value: Any, gone: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_without(item, gone) for item in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]} if name in gone:
            return gone[name]
        case {"Fn::GetAtt": [str(name), "PublicIp"]}:
            return {"Ref": name}  # all that moto knows of an Elastic IP's address; in AWS it is the same
    return {name: _without(item, gone) for name, item in value.items()}


def assembly(source: Path, target: Path, secrets: Mapping[str, str] | None = None) -> None:
    """A cloud assembly beside the real one, for the CDK command line."""
    shutil.copytree(source, target)
    for path in target.glob("*.template.json"):
        path.write_text(json.dumps(pruned(json.loads(path.read_text()), secrets)))


def types_of(source: Path) -> Counter[str]:
    """How many resources of each type the templates of an assembly have."""
    templates = [json.loads(path.read_text()) for path in source.glob("*.template.json")]
    return Counter(resource["Type"] for one in templates for resource in one["Resources"].values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument(
        "--secret", action="append", default=[], metavar="NAME=ARN", help="of one that is there"
    )
    given = parser.parse_args()
    assembly(given.source, given.target, dict(secret.split("=", 1) for secret in given.secret))
    left_out = types_of(given.source) - types_of(given.target)
    json.dump({"held": types_of(given.target), "left_out": left_out}, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
