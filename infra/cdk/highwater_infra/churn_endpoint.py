"""The churn model's endpoint, as far as it is not the flow's: how it grows, and what of it is watched.

The flow creates the endpoint, since it takes a model, and updates it: a challenger beside the champion, then in its place.
**Scaling** is of the variant `champion` alone. It is in every configuration, under this name and with the same instance
type, so that AWS takes each of the flow's updates: another model in a scaled variant is allowed. An update that removes a
scaled variant or changes its instance type is refused until scaling is ended, hence no scaling of the challenger, which
comes and goes. While it is there it has one instance for its tenth of the traffic.

**CloudFormation** registers a variant that exists, or fails: the parameter is given after the first run that deployed. If
the endpoint is deleted, AWS ends the scaling with it, of which CloudFormation knows nothing: deploy once with
ChurnEndpoint= (empty), and once more with `deployed` when there is an endpoint again. To change the instance type, too.
"""

from __future__ import annotations

from typing import Final

from aws_cdk import CfnCondition, CfnParameter, Duration, Stack
from aws_cdk import aws_applicationautoscaling as scaling
from aws_cdk import aws_cloudwatch as cloudwatch

from deployments import names
from highwater_infra.optional import is_given
from highwater_infra.watch import Watch

LEAST, MOST = 1, 4
# Half of what an ml.m5.large answers: two processes, 20 ms a request, 100 a second.
REQUESTS_A_MINUTE: Final = 3000
OUT_SECONDS: Final = 60
# Slowly, because the flow's updates wait for each change.
IN_SECONDS: Final = 900

VARIANTS: Final = (names.CHAMPION, names.CHALLENGER)
SERVER_ERRORS: Final = 3
LATENCY_P99_MS: Final = 100
BAD_REQUESTS: Final = 0.05
FEWEST_REQUESTS: Final = 20
_Comparison = cloudwatch.ComparisonOperator


def scale(stack: Stack) -> None:
    parameter = CfnParameter(
        stack,
        "ChurnEndpoint",
        default="",
        allowed_values=["", "deployed"],
        description=f"deployed: {names.ENDPOINT} exists, and its champion is scaled; empty: not yet",
    )
    given = CfnCondition(stack, "ChurnEndpointIsDeployed", expression=is_given(parameter))
    target = scaling.CfnScalableTarget(
        stack,
        "Champion",
        service_namespace="sagemaker",
        resource_id=f"endpoint/{names.ENDPOINT}/variant/{names.CHAMPION}",
        scalable_dimension="sagemaker:variant:DesiredInstanceCount",
        min_capacity=LEAST,
        max_capacity=MOST,
    )
    policy = scaling.CfnScalingPolicy(
        stack,
        "ChampionBusy",
        policy_name="highwater-churn-champion-busy",
        policy_type="TargetTrackingScaling",
        scaling_target_id=target.ref,
        target_tracking_scaling_policy_configuration=(
            scaling.CfnScalingPolicy.TargetTrackingScalingPolicyConfigurationProperty(
                target_value=REQUESTS_A_MINUTE,
                scale_out_cooldown=OUT_SECONDS,
                scale_in_cooldown=IN_SECONDS,
                predefined_metric_specification=scaling.CfnScalingPolicy.PredefinedMetricSpecificationProperty(
                    predefined_metric_type="SageMakerVariantInvocationsPerInstance"
                ),
            )
        ),
    )
    for part in (target, policy):
        part.cfn_options.condition = given


def watches() -> list[Watch]:
    """An endpoint or variant that does not exist has no metrics, so its alarms stay silent."""
    return [watch for variant in VARIANTS for watch in _of(variant)]


def _of(variant: str) -> list[Watch]:
    is_champion = variant == names.CHAMPION
    return [
        Watch(
            f"churn-{variant}-fails",
            _count(variant, "Invocation5XXErrors"),
            SERVER_ERRORS,
            _Comparison.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            f"The {variant} of the churn model's endpoint answers with errors of its own. "
            "docs/operate.md: the churn endpoint.",
            critical=is_champion,
        ),
        Watch(
            f"churn-{variant}-slow",
            _metric(variant, "ModelLatency", "p99"),
            LATENCY_P99_MS * 1000,
            _Comparison.GREATER_THAN_THRESHOLD,
            f"One in a hundred requests to the {variant} of the churn model's endpoint takes more than {LATENCY_P99_MS} ms "
            "(the figure is in microseconds). docs/operate.md: the churn endpoint.",
            periods=3,
        ),
        Watch(
            f"churn-{variant}-refuses",
            cloudwatch.MathExpression(
                expression=f"IF(requests >= {FEWEST_REQUESTS}, refused / requests, 0)",
                label="Share of requests that are refused",
                using_metrics={
                    "refused": _count(variant, "Invocation4XXErrors"),
                    "requests": _count(variant, "Invocations"),
                },
                period=Duration.minutes(5),
            ),
            BAD_REQUESTS,
            _Comparison.GREATER_THAN_THRESHOLD,
            f"The {variant} of the churn model's endpoint refuses many requests: a caller sends other columns than the "
            "model takes. docs/operate.md: the churn endpoint.",
            periods=3,
        ),
    ]


def _count(variant: str, name: str) -> cloudwatch.Metric:
    return _metric(variant, name, "Sum")


def _metric(variant: str, name: str, statistic: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace="AWS/SageMaker",
        metric_name=name,
        dimensions_map={"EndpointName": names.ENDPOINT, "VariantName": variant},
        statistic=statistic,
        period=Duration.minutes(5),
    )
