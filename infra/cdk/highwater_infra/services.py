"""What keeps running: tasks in private subnets, and a release that does not start is taken back."""

from __future__ import annotations

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from constructs import Construct

from highwater_infra.containers import PLATFORM, Release
from highwater_infra.network import Network


def task_definition(
    scope: Construct, construct: str, family: str, *, role: iam.Role, start: iam.Role, cpu: int, memory: int
) -> ecs.FargateTaskDefinition:
    return ecs.FargateTaskDefinition(
        scope,
        construct,
        family=family,
        cpu=cpu,
        memory_limit_mib=memory,
        runtime_platform=PLATFORM,
        task_role=role.without_policy_updates(),
        execution_role=start.without_policy_updates(),
    )


def service(
    scope: Construct,
    construct: str,
    cluster: ecs.ICluster,
    definition: ecs.FargateTaskDefinition,
    network: Network,
    release: Release,
) -> ecs.FargateService:
    """Named after the family of its task."""
    made = ecs.FargateService(
        scope,
        construct,
        service_name=definition.family,
        cluster=cluster,
        task_definition=definition,
        security_groups=[network.tasks],
        vpc_subnets=ec2.SubnetSelection(subnet_group_name="private"),
        assign_public_ip=False,
        circuit_breaker=ecs.DeploymentCircuitBreaker(enable=True, rollback=True),
        min_healthy_percent=100,
        max_healthy_percent=200,
        propagate_tags=ecs.PropagatedTagSource.SERVICE,
    )
    release.nothing_runs_without(made)
    return made
