"""An image is built once, and copied by its digest from account to account: each lets the next one read it."""

from __future__ import annotations

from aws_cdk import Aws, CfnCondition, CfnParameter, Fn, Stack
from aws_cdk import aws_ecr as ecr

from deployments import names
from highwater_infra.optional import is_given
from highwater_infra.permissions.statement import IMAGE_LAYERS


def let_out(stack: Stack, images: ecr.Repository) -> None:
    account = CfnParameter(
        stack,
        "PromotedTo",
        default="",
        allowed_pattern=r"^(\d{12})?$",
        description="the account whose deployments copy images from here; empty: none does",
    )
    named = CfnCondition(stack, "ImagesArePromoted", expression=is_given(account))
    repository = images.node.default_child
    assert isinstance(repository, ecr.CfnRepository)
    repository.repository_policy_text = Fn.condition_if(
        named.logical_id, _read_by_deployments_of(account.value_as_string), Aws.NO_VALUE
    )


def _read_by_deployments_of(account: str) -> dict[str, object]:
    """The account is named and the role a condition: a role that does not exist yet would be refused as principal."""
    iam = f"arn:{Aws.PARTITION}:iam::{account}"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Promotion",
                "Effect": "Allow",
                "Principal": {"AWS": f"{iam}:root"},
                "Action": list(IMAGE_LAYERS),
                "Condition": {"ArnEquals": {"aws:PrincipalArn": f"{iam}:role/{names.DEPLOY}"}},
            }
        ],
    }
