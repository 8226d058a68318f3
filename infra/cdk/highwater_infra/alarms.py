"""An alarm for something that is watched, and the topic that hears of it."""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_cloudwatch as cloudwatch

from highwater_infra.watch import Watch


def alarm(stack: Stack, watch: Watch, topic_arn: str) -> cloudwatch.CfnAlarm:
    made = cloudwatch.Alarm(
        stack,
        watch.name,
        alarm_name=f"highwater-{watch.name}",
        alarm_description=watch.advice,
        metric=watch.metric,
        threshold=watch.threshold,
        comparison_operator=watch.comparison,
        evaluation_periods=watch.periods,
        treat_missing_data=watch.missing,
    )
    resource = made.node.default_child
    assert isinstance(resource, cloudwatch.CfnAlarm)
    resource.alarm_actions = [topic_arn]
    resource.ok_actions = [topic_arn]
    return resource
