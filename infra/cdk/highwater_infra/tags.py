"""What each resource says of itself: whose it is, who pays for it, and what kind of data it holds."""

from __future__ import annotations

from typing import Final

from aws_cdk import App, Tags
from constructs import IConstruct

from highwater_infra.environments import Environment

DATA_CLASS: Final = "data-class"
_HOLD_DATA: Final = [
    "AWS::DynamoDB::Table",
    "AWS::Logs::LogGroup",
    "AWS::RDS::DBInstance",
    "AWS::S3::Bucket",
    "AWS::SQS::Queue",
]
# Its tags are for good: with others CloudFormation makes it anew, and fails since the name is taken.
_FOR_GOOD: Final = ["AWS::SageMaker::FeatureGroup"]
# Above what is said of a type.
_OF_ONE: Final = 300


def declare(app: App, environment: Environment) -> None:
    tags = Tags.of(app)
    tags.add("project", "highwater")
    tags.add("environment", environment.name)
    tags.add("owner", environment.owner, exclude_resource_types=_FOR_GOOD)
    tags.add("cost-centre", environment.cost_centre, exclude_resource_types=_FOR_GOOD)
    tags.add(DATA_CLASS, "internal", include_resource_types=_HOLD_DATA)
    tags.add(DATA_CLASS, "secret", include_resource_types=["AWS::SecretsManager::Secret"])


def holds_personal_data(*constructs: IConstruct) -> None:
    for construct in constructs:
        Tags.of(construct).add(DATA_CLASS, "personal", priority=_OF_ONE)
