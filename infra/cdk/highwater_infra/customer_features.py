"""The feature group of customers: the latest record of each online, all of them offline, in the lake.

Features can only be added. CloudFormation passes additions on to SageMaker; it fails a deployment that takes a feature
away or changes its type, and one that would replace the group, since its name is taken. Such a change needs a group of
another name, filled anew.
"""

from __future__ import annotations

from typing import Final

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sagemaker as sagemaker

from contracts.shop.customer_features import EVENT_TIME, FEATURES, IDENTIFIER
from deployments import names
from highwater_infra.lake import Lake
from highwater_infra.tags import holds_personal_data

_WHAT: Final = "Features of the shop's customers, a record for each customer and day of analysis"


def feature_group(stack: Stack, lake: Lake, writer: iam.Role) -> sagemaker.CfnFeatureGroup:
    """`writer`: SageMaker writes the offline files as this role, within 15 minutes of a record."""
    key = lake.key.key_arn
    made = sagemaker.CfnFeatureGroup(
        stack,
        "CustomerFeatures",
        feature_group_name=names.FEATURE_GROUP,
        description=_WHAT,
        record_identifier_feature_name=IDENTIFIER,
        event_time_feature_name=EVENT_TIME,
        feature_definitions=[
            sagemaker.CfnFeatureGroup.FeatureDefinitionProperty(feature_name=name, feature_type=kind)
            for name, kind in FEATURES.items()
        ],
        # In the words of the template, whose type CDK knows as JSON only.
        online_store_config={"EnableOnlineStore": True, "SecurityConfig": {"KmsKeyId": key}},
        offline_store_config={
            "S3StorageConfig": {
                "S3Uri": f"s3://{lake.lake.bucket_name}/{names.FEATURE_STORE_FOLDER}",
                "KmsKeyId": key,
            },
            # Its files are read by their names, which hold the hour of the event.
            "DisableGlueTableCreation": True,
        },
        role_arn=writer.role_arn,
    )
    # When a record was written is known nowhere else: no training could be repeated without it.
    made.apply_removal_policy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
    holds_personal_data(made)
    return made
