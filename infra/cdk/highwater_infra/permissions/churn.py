"""Who makes and serves the churn model: flow runs, and the feature store's role for its offline files.

models.py has its jobs and versions. A flow run's own policy (tasks.py) has the rest of what the model needs: the tables of
`ml`, the files of jobs, passing SageMaker its role, the list of versions, the key.
"""

from __future__ import annotations

from typing import Final

from deployments import names
from highwater_infra.buckets import bucket_arn
from highwater_infra.permissions import glue, models
from highwater_infra.permissions.statement import EVERYTHING, Statement, arn, listing, objects, use_of_key

MODELS: Final = names.CHURN_JOBS
"""The folder of models and evaluations in the bucket of artifacts."""
CAPTURED: Final = "endpoints/captured"
"""The folder of the endpoint's requests and answers there."""
_KEYS: Final = "keys hold dates and random names; the prefix is the boundary"
_BY_VERSION: Final = "models of the endpoint are named after their version"
_LIVE: Final = f"{names.ENDPOINT}-live-*"
_CONFIGS: Final = arn("sagemaker", f"endpoint-config/{names.ENDPOINT}-*")


def flow_run() -> list[Statement]:
    return [
        listing(names.LAKE, names.FEATURE_STORE_FOLDER),
        listing(names.ARTIFACTS, MODELS, CAPTURED),
        Statement(
            ["s3:GetObject"],
            [*objects(names.LAKE, names.FEATURE_STORE_FOLDER), *objects(names.ARTIFACTS, MODELS, CAPTURED)],
            because=_KEYS,
        ),
        glue.jobs(names.CHURN_DATASET),
        *_features(),
        *_endpoint(),
    ]


def _features() -> list[Statement]:
    """The online store's records are encrypted: whoever reads or writes them needs to decrypt with the key."""
    return [
        Statement(
            [
                "sagemaker:DescribeFeatureGroup",
                "sagemaker:PutRecord",
                "sagemaker:GetRecord",
                "sagemaker:BatchGetRecord",
                "sagemaker:DeleteRecord",
            ],
            [arn("sagemaker", f"feature-group/{names.FEATURE_GROUP}")],
        )
    ]


def _endpoint() -> list[Statement]:
    endpoint = arn("sagemaker", f"endpoint/{names.ENDPOINT}")
    by_version = "a configuration's name says which versions are in it"
    return [
        Statement(
            ["sagemaker:CreateEndpoint", "sagemaker:UpdateEndpoint"],
            [endpoint, _CONFIGS],
            because=by_version,
        ),
        Statement(
            [
                "sagemaker:DescribeEndpoint",
                "sagemaker:UpdateEndpointWeightsAndCapacities",
                "sagemaker:InvokeEndpoint",
                # One that never came into service cannot be updated.
                "sagemaker:DeleteEndpoint",
            ],
            [endpoint],
        ),
        Statement(
            [
                "sagemaker:CreateEndpointConfig",
                "sagemaker:DescribeEndpointConfig",
                "sagemaker:DeleteEndpointConfig",
            ],
            [_CONFIGS],
            because=by_version,
        ),
        *models.models(_LIVE, because=_BY_VERSION),
        Statement(
            ["sagemaker:DeleteModel"],
            [arn("sagemaker", f"model/{_LIVE}")],
            because=_BY_VERSION,
        ),
        Statement(
            ["sagemaker:ListEndpointConfigs", "sagemaker:ListModels"],
            EVERYTHING,
            because="the lists know no resource; they tell names and dates",
        ),
        # Whoever deletes an endpoint that is scaled must be allowed to end the scaling, which AWS does then.
        Statement(
            ["application-autoscaling:DeregisterScalableTarget"],
            [arn("application-autoscaling", "scalable-target/*")],
            {"StringEquals": {"application-autoscaling:service-namespace": "sagemaker"}},
            because="AWS numbers scalable targets; the condition holds it to variants of endpoints",
        ),
        Statement(
            ["cloudwatch:GetMetricData"],
            EVERYTHING,
            because="GetMetricData knows no resource, nor a condition; it reads figures",
        ),
    ]


def feature_store(key_arn: str) -> list[Statement]:
    """SageMaker writes the offline store's files as this role. The ACLs are what AWS's own policy for it asks for."""
    written = objects(names.LAKE, names.FEATURE_STORE_FOLDER)
    return [
        use_of_key(key_arn),
        Statement(["s3:GetBucketAcl"], [bucket_arn(names.LAKE)]),
        Statement(["s3:PutObject", "s3:PutObjectAcl"], written, because=_KEYS),
    ]
