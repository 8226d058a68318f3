"""How a delivered file becomes a flow run: S3 tells EventBridge, a queue keeps it, and the listener reads the queue."""

from __future__ import annotations

from aws_cdk import Duration, Stack
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_events as events

from deployments import names
from highwater_infra import machinery
from highwater_infra.access import Access
from highwater_infra.alarms import alarm
from highwater_infra.buckets import bucket_name
from highwater_infra.containers import Release, alert_settings, container, prefect_client
from highwater_infra.environments import Environment
from highwater_infra.lake import Lake
from highwater_infra.log_groups import log_group
from highwater_infra.network import Network
from highwater_infra.permissions.statement import arn
from highwater_infra.queues import events_queue
from highwater_infra.services import service, task_definition


def hear_of_files(stack: Stack, lake: Lake) -> None:
    """Of what partners deliver, not of what runs put into history/."""
    rule = events.Rule(
        stack,
        "InboxFiles",
        rule_name=names.INBOX_FILES,
        description="Files in the inbox, for its listener",
        event_pattern=events.EventPattern(
            source=["aws.s3"],
            detail_type=["Object Created"],
            detail={
                "bucket": {"name": [lake.inbox.bucket_name]},
                "object": {"key": [{"prefix": "inbox/"}]},
            },
        ),
    )
    files = events_queue(
        stack,
        names.INBOX_EVENTS,
        names.INBOX_DEAD_LETTERS,
        lake.key,
        tries=names.INBOX_TRIES,
        hidden=Duration.minutes(2),
    )
    files.fed_by(rule)


def listen(
    stack: Stack,
    environment: Environment,
    lake: Lake,
    network: Network,
    access: Access,
    cluster: ecs.ICluster,
    release: Release,
) -> None:
    definition = task_definition(
        stack,
        "InboxListenerTask",
        names.INBOX_LISTENER,
        role=access.inbox_listener,
        start=access.inbox_listener_start,
        cpu=256,
        memory=512,
    )
    container(
        definition,
        "inbox-listener",
        release,
        log_group(stack, "InboxListenerLogs", names.INBOX_LISTENER_LOGS, lake.key, environment.log_days),
        "inbox-listener",
        {"HIGHWATER_INBOX_BUCKET": bucket_name(names.INBOX), **alert_settings()},
        prefect_client(stack, lake.prefect_secret, environment),
        command=["python", "-m", "deployments.inbox_listener"],
        health=["CMD", "python", "-m", "deployments.health"],
    )
    service(stack, "InboxListener", cluster, definition, network, release)
    watching = alarm(stack, machinery.no_listener(), arn("sns", names.WARNINGS))
    watching.cfn_options.condition = release.named
