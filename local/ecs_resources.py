"""What flow runs need to be ECS tasks: cluster, task definition, log group."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import boto3

from local import resource_kinds, resources


def create_ecs_resources(aws: boto3.Session, url: str, environment: Mapping[str, str]) -> None:
    flow_run = resources.FLOW_RUN
    ecs = aws.client("ecs", endpoint_url=url)
    ecs.create_cluster(clusterName=resources.CLUSTER)
    logs = aws.client("logs", endpoint_url=url)
    with suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_group(logGroupName=flow_run.log_group)
    if not ecs.list_task_definitions(familyPrefix=flow_run.family)["taskDefinitionArns"]:
        ecs.register_task_definition(**task_definition(environment, login_secret(aws, url)))


def login_secret(aws: boto3.Session, url: str) -> str:
    """Where the task definition takes the login from: the field of the secret, as the stacks write it."""
    secrets = aws.client("secretsmanager", endpoint_url=url)
    return f"{secrets.describe_secret(SecretId=resources.PREFECT_SECRET.name)['ARN']}:auth_string::"


def task_definition(environment: Mapping[str, str], login: str) -> dict[str, Any]:
    flow_run = resources.FLOW_RUN
    return {
        "family": flow_run.family,
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": flow_run.cpu,
        "memory": flow_run.memory,
        "containerDefinitions": [
            {
                "name": flow_run.container,
                "image": flow_run.image,
                "essential": True,
                "environment": [
                    {"name": name, "value": environment[name]} for name in resources.FLOW_RUN_SETTINGS
                ],
                "secrets": [{"name": "PREFECT_API_AUTH_STRING", "valueFrom": login}],
                "logConfiguration": {
                    "logDriver": "awslogs",
                    "options": {
                        "awslogs-group": flow_run.log_group,
                        "awslogs-region": resource_kinds.REGION,
                        "awslogs-stream-prefix": "run",
                    },
                },
            }
        ],
    }


def network(aws: boto3.Session, url: str) -> dict[str, str]:
    """The default network, in the variables in which the stacks hand the real one to the worker's service."""
    ec2 = aws.client("ec2", endpoint_url=url)
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]]
    groups = [group["GroupId"] for group in ec2.describe_security_groups()["SecurityGroups"]]
    return {"HIGHWATER_SUBNETS": ",".join(subnets), "HIGHWATER_SECURITY_GROUPS": ",".join(groups)}
