"""Other accounts may deliver into the inbox, each into the folder of its own account and nowhere else."""

from __future__ import annotations

from typing import Final

from aws_cdk import Aws, CfnCondition, CfnParameter, Fn, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from deployments import names
from highwater_infra.buckets import bucket_arn
from highwater_infra.optional import is_given

# AWS puts the caller's account in its place, which no partner can choose.
_FOLDER: Final = "inbox/${aws:PrincipalAccount}"


def let_in(stack: Stack, inbox: s3.Bucket, key: kms.Key) -> None:
    partners = _partners(stack)
    inbox.add_to_resource_policy(
        iam.PolicyStatement(
            sid="Partners",
            principals=[partners],
            actions=["s3:AbortMultipartUpload", "s3:PutObject"],
            resources=[f"{inbox.bucket_arn}/{_FOLDER}/*"],
        )
    )
    # An upload in parts is put together with Decrypt. The context is the bucket's, since it has a bucket key.
    key.add_to_resource_policy(
        iam.PolicyStatement(
            sid="Partners",
            principals=[partners],
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            resources=["*"],
            conditions={
                "StringEquals": {
                    "kms:EncryptionContext:aws:s3:arn": bucket_arn(names.INBOX),
                    "kms:ViaService": f"s3.{Aws.REGION}.amazonaws.com",
                }
            },
        )
    )


def _partners(stack: Stack) -> iam.ArnPrincipal:
    parameter = CfnParameter(
        stack,
        "InboxPartners",
        default="",
        allowed_pattern=r"^$|^arn:[\w-]+:iam::\d{12}:[^,*\s]+(,arn:[\w-]+:iam::\d{12}:[^,*\s]+)*$",
        description="ARNs of other accounts' roles that deliver files, separated by commas; empty: there are none",
    )
    known = CfnCondition(stack, "PartnersKnown", expression=is_given(parameter))
    # A statement must name somebody. Our own account gains nothing by it: its roles go by their own policies.
    nobody = f"arn:{Aws.PARTITION}:iam::{Aws.ACCOUNT_ID}:root"
    arns = Fn.condition_if(known.logical_id, Fn.split(",", parameter.value_as_string), nobody)
    return iam.ArnPrincipal(arns.to_string())
