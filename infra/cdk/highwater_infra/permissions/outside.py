"""Who comes from outside the account: Snowflake, and deployments from GitHub."""

from __future__ import annotations

from typing import Final

from aws_cdk import Aws

from deployments import names
from highwater_infra.permissions.statement import (
    IMAGE_LAYERS,
    Statement,
    arn,
    decrypt,
    listing,
    location,
    objects,
    registry_login,
    role_arn,
)

_LOADED: Final = (
    "curated",
    *(f"ml/{table}/data" for table in ("predictions", "churn_predictions", "churn_outcomes")),
    f"{names.GOLD}/customer_analytics",
    f"{names.GOLD}/sales_summary",
    "runs/records",
    "runs/inbox",
    "runs/marketing",
)


def snowflake(key_arn: str) -> list[Statement]:
    """What was published, what partners delivered, and what runs recorded of themselves; nothing else.

    Broken lines of partners and of marketing are among it: they are loaded into RAW.QUARANTINED_ROWS. Rows that jobs reject
    are in quarantine/.
    """
    return [
        decrypt(key_arn),
        location(names.LAKE),
        listing(names.LAKE, *_LOADED),
        Statement(
            ["s3:GetObject", "s3:GetObjectVersion"],
            objects(names.LAKE, *_LOADED),
            because="the stage loads what was published, whatever its date",
        ),
    ]


def deployment() -> list[Statement]:
    """CDK's own roles do the deploying; beside them only the image is pushed, or copied from the account before."""
    return [
        Statement(
            ["sts:AssumeRole"],
            [role_arn(f"cdk-*-role-{Aws.ACCOUNT_ID}-{Aws.REGION}")],
            because="the roles of `cdk bootstrap`: deploy, lookup, file and image publishing",
        ),
        Statement(
            [
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:CompleteLayerUpload",
                "ecr:DescribeImages",
                "ecr:InitiateLayerUpload",
                "ecr:ListTagsForResource",
                "ecr:PutImage",
                "ecr:UploadLayerPart",
            ],
            [arn("ecr", f"repository/{names.WORKER}")],
        ),
        Statement(
            IMAGE_LAYERS,
            [f"arn:{Aws.PARTITION}:ecr:{Aws.REGION}:*:repository/{names.WORKER}"],
            because="the account that an image is promoted from says by its repository's policy who may read it",
        ),
        registry_login(),
    ]
