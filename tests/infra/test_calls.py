"""Each call that docs/aws-calls.md lists is allowed to a role of ours.

That the page lists each call of our code is held by tests/tasks/aws_calls.py.
"""

from __future__ import annotations

from deployments import names
from tests.infra.test_prefixes import listed, statements_of
from tests.tasks.aws_calls import documented

ROLES = (names.FLOW_RUN, names.INBOX_LISTENER, names.OPERATOR)
# Where IAM's action has another name than the call.
ACTIONS = {
    "s3:CompleteMultipartUpload": {"s3:PutObject"},
    "s3:CopyObject": {  # which copies tags too
        *("s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"),
        *("s3:GetObjectTagging", "s3:GetObjectVersionTagging", "s3:PutObjectTagging"),
    },
    "s3:CreateMultipartUpload": {"s3:PutObject"},
    "s3:DeleteObjects": {"s3:DeleteObject"},
    "s3:HeadObject": {"s3:GetObject"},
    "s3:ListObjectVersions": {"s3:ListBucketVersions"},
    "s3:ListObjectsV2": {"s3:ListBucket"},
    "s3:UploadPart": {"s3:PutObject"},
    "s3:UploadPartCopy": {"s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"},
    "sqs:DeleteMessageBatch": {"sqs:DeleteMessage"},
    "sqs:ChangeMessageVisibilityBatch": {"sqs:ChangeMessageVisibility"},
    "sqs:SendMessageBatch": {"sqs:SendMessage"},
}


def test_each_call_of_our_code_is_allowed_to_one_of_its_roles() -> None:
    allowed = {
        action
        for role in ROLES
        for statement in statements_of(role)
        for action in listed(statement["Action"])
    }
    refused = {call: ACTIONS.get(call, {_action(call)}) - allowed for call in documented()}
    assert {call: actions for call, actions in refused.items() if actions} == {}


def _action(call: str) -> str:
    """sagemaker:PutRecord of sagemaker-featurestore-runtime:PutRecord: IAM knows one SageMaker."""
    service, _, operation = call.partition(":")
    return f"{'sagemaker' if service.startswith('sagemaker-') else service}:{operation}"
