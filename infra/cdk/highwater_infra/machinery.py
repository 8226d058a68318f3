"""What AWS counts of our machinery: messages that nobody understands or reads, services without a task."""

from __future__ import annotations

from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from deployments import names
from highwater_infra.watch import Watch

_Comparison = cloudwatch.ComparisonOperator
# Longer than all tries of a message take, after which it goes to the dead letters: 3 of 5 minutes, 3 of 2.
TASKS_UNREAD_SECONDS: Final = 30 * 60
INBOX_UNREAD_SECONDS: Final = 15 * 60


def queues() -> list[Watch]:
    return [
        _dead_letters(
            "dead-letters",
            f"{names.TASK_EVENTS}-dead",
            "The worker could not make sense of a task's end: a crashed run may still say Running.",
        ),
        _unread(
            "task-ends-unread",
            names.TASK_EVENTS,
            TASKS_UNREAD_SECONDS,
            "Nobody reads how tasks end: crashed runs still say Running and are not recovered. The worker's observer has "
            "died, or there is no worker. docs/operate.md: a crashed run.",
            critical=True,
        ),
        _dead_letters(
            "inbox-dead-letters",
            names.INBOX_DEAD_LETTERS,
            "No flow run could be started for a delivered file. The sweep takes the file, but not within a minute. Look at "
            f"{names.INBOX_LISTENER_LOGS}, then: python -m deployments redrive.",
        ),
        _unread(
            "inbox-unread",
            names.INBOX_EVENTS,
            INBOX_UNREAD_SECONDS,
            "Nobody reads which files arrive: they wait for the sweep. The listener hangs, or there is none. Look at "
            f"{names.INBOX_LISTENER_LOGS}.",
        ),
    ]


def no_worker() -> Watch:
    return _no_task(
        "no-worker",
        names.WORKER,
        "No worker is running: scheduled runs wait. Look at /highwater/worker and at the last release.",
        critical=True,
    )


def no_listener() -> Watch:
    """Nobody is woken for it: the sweep takes the files meanwhile."""
    return _no_task(
        "no-inbox-listener",
        names.INBOX_LISTENER,
        f"The inbox has no listener: files wait for the sweep. Look at {names.INBOX_LISTENER_LOGS} and at the last release.",
    )


def _dead_letters(name: str, queue: str, advice: str) -> Watch:
    visible = _aws("AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": queue})
    return Watch(name, visible, 1, _Comparison.GREATER_THAN_OR_EQUAL_TO_THRESHOLD, advice)


def _unread(name: str, queue: str, seconds: int, advice: str, *, critical: bool = False) -> Watch:
    age = _aws("AWS/SQS", "ApproximateAgeOfOldestMessage", {"QueueName": queue})
    return Watch(name, age, seconds, _Comparison.GREATER_THAN_OR_EQUAL_TO_THRESHOLD, advice, critical)


def _no_task(name: str, service: str, advice: str, *, critical: bool = False) -> Watch:
    """Container Insights counts the tasks of a service that has some, and sends nothing for one that has none: what is
    missing is the very thing to tell. Three periods, because a figure may come late."""
    count = _aws(
        "ECS/ContainerInsights",
        "RunningTaskCount",
        {"ClusterName": names.CLUSTER, "ServiceName": service},
    )
    return Watch(
        name,
        cloudwatch.MathExpression(
            expression="FILL(running, 0)",
            label="Running tasks",
            using_metrics={"running": count},
            period=Duration.minutes(5),
        ),
        1,
        _Comparison.LESS_THAN_THRESHOLD,
        advice,
        critical,
        missing=cloudwatch.TreatMissingData.BREACHING,
        periods=3,
    )


def _aws(namespace: str, name: str, dimensions: dict[str, str]) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        dimensions_map=dimensions,
        statistic="Maximum",
        period=Duration.minutes(5),
    )
