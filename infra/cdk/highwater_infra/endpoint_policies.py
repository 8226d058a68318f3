"""What endpoints of a network without any other way out let through: this account to its own, and two things of others.

A role of another account, with which somebody would carry data off, is refused at the endpoint, and so are other accounts'
resources. What our own roles may do with ours is said by their policies.
"""

from __future__ import annotations

from typing import Final

from aws_cdk import Aws, CfnCondition, CfnParameter, Fn, Stack
from aws_cdk import aws_iam as iam

from deployments import names
from highwater_infra.buckets import bucket_arn
from highwater_infra.optional import is_given
from highwater_infra.permissions.statement import arn

_BUCKETS: Final = (names.LAKE, names.ARTIFACTS, names.INBOX)
_TABLES: Final = (names.LEDGER, names.WATERMARKS)


def interface() -> iam.PolicyStatement:
    """aws:ResourceAccount is in the requests of all services that the network has endpoints of."""
    ours = {"aws:PrincipalAccount": Aws.ACCOUNT_ID, "aws:ResourceAccount": Aws.ACCOUNT_ID}
    return _allow("*", ["*"], ours)


def dynamodb() -> iam.PolicyStatement:
    tables = [arn("dynamodb", f"table/{table}{part}") for table in _TABLES for part in ("", "/index/*")]
    return _allow("dynamodb:*", tables, {"aws:PrincipalAccount": Aws.ACCOUNT_ID})


def s3(stack: Stack) -> list[iam.PolicyStatement]:
    ours = [f"{bucket_arn(bucket)}{objects}" for bucket in _BUCKETS for objects in ("", "/*")]
    # Read with addresses that ECR and Snowflake have signed, as themselves: layers of images, and large results.
    others = [_objects(f"prod-{Aws.REGION}-starport-layer-bucket"), _snowflake_stage(stack)]
    return [
        _allow("s3:*", ours, {"aws:PrincipalAccount": Aws.ACCOUNT_ID}),
        _allow("s3:GetObject", others),
    ]


def _snowflake_stage(stack: Stack) -> str:
    bucket = CfnParameter(
        stack,
        "SnowflakeStageBucket",
        default="",
        allowed_pattern=r"^$|^[a-z0-9][a-z0-9.-]+$",
        description="Snowflake's bucket of results: the STAGE of SYSTEM$ALLOWLIST_PRIVATELINK(); empty: not known yet",
    )
    known = CfnCondition(stack, "SnowflakeStageIsKnown", expression=is_given(bucket))
    return Fn.condition_if(known.logical_id, _objects(bucket.value_as_string), Aws.NO_VALUE).to_string()


def _objects(bucket: str) -> str:
    return f"arn:{Aws.PARTITION}:s3:::{bucket}/*"


def _allow(action: str, resources: list[str], equal: dict[str, str] | None = None) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        principals=[iam.AnyPrincipal()],
        actions=[action],
        resources=resources,
        conditions={"StringEquals": equal} if equal else None,
    )
