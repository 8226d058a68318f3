"""A dashboard of what is watched: each figure with its limit."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch

from highwater_infra.watch import Watch


def dashboard(stack: Stack, name: str, watches: Sequence[Watch]) -> None:
    made = cloudwatch.Dashboard(stack, "Dashboard", dashboard_name=name, default_interval=Duration.days(14))
    widgets = [
        cloudwatch.GraphWidget(
            title=watch.name,
            left=[watch.metric],
            left_annotations=[cloudwatch.HorizontalAnnotation(value=watch.threshold, label="alarm")],
            width=8,
        )
        for watch in watches
    ]
    for row in range(0, len(widgets), 3):
        made.add_widgets(*widgets[row : row + 3])
