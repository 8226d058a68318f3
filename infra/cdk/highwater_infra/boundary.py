"""What every role of ours may do at most: a policy that an administrator makes before the first deployment
(bootstrap/policies.yaml). CloudFormation may make no role without it.
"""

from __future__ import annotations

from typing import Final

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from constructs import Construct

BOUNDARY: Final = "cdk-highwater-boundary"


def hold(scope: Construct) -> None:
    """Also the roles that CDK makes by itself."""
    arn = f"arn:{Aws.PARTITION}:iam::{Aws.ACCOUNT_ID}:policy/{BOUNDARY}"
    policy = iam.ManagedPolicy.from_managed_policy_arn(scope, "Boundary", arn)
    iam.PermissionsBoundary.of(scope).apply(policy)
