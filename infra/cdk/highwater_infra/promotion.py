"""An image is built once, and copied by its digest along a chain of accounts (dev, staging, prod): each lets the next one
read it, and no other."""

from __future__ import annotations

from aws_cdk import Aws, CfnCondition, CfnParameter, Fn, Stack
from aws_cdk import aws_ecr as ecr

from highwater_infra.optional import is_given
from highwater_infra.permissions.statement import IMAGE_LAYERS


def let_out(stack: Stack, images: ecr.Repository) -> None:
    account = CfnParameter(
        stack,
        "PromotedTo",
        default="",
        allowed_pattern=r"^(\d{12})?$",
        description="the account that copies images from here; empty: none does",
    )
    named = CfnCondition(stack, "ImagesArePromoted", expression=is_given(account))
    repository = images.node.default_child
    assert isinstance(repository, ecr.CfnRepository)
    repository.repository_policy_text = Fn.condition_if(
        named.logical_id, _read_by(account.value_as_string), Aws.NO_VALUE
    )


def _read_by(account: str) -> dict[str, object]:
    """Whom of the account its own policies let: its role of deployments, or an administrator with `make release`."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Promotion",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:{Aws.PARTITION}:iam::{account}:root"},
                "Action": list(IMAGE_LAYERS),
            }
        ],
    }
