"""The stacks of one environment, in the order in which they stand on each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aws_cdk import App, Stack, Validations
from cdk_nag import AwsSolutionsChecks

from highwater_infra import acknowledged, boundary, tags
from highwater_infra.access import Access
from highwater_infra.compute import Compute
from highwater_infra.environments import Environment
from highwater_infra.lake import Lake
from highwater_infra.network import Network
from highwater_infra.observability import Observability
from highwater_infra.orchestration import Orchestration
from highwater_infra.server import Server

FLAGS: Final = {
    "@aws-cdk/aws-events:eventsTargetQueueSameAccount": True,
    "@aws-cdk/aws-iam:minimizePolicies": True,
    "@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy": True,
    "@aws-cdk/aws-ecs:disableExplicitDeploymentControllerForCircuitBreaker": True,
    "aws:cdk:disable-stack-trace": True,
}


@dataclass(frozen=True)
class Account:
    app: App
    stacks: tuple[Stack, ...]


def account(environment: Environment, outdir: str | None = None) -> Account:
    app = App(outdir=outdir, context=FLAGS, analytics_reporting=False)
    lake = Lake(app, "highwater-lake")
    network = Network(app, "highwater-network", environment, lake.key)
    access = Access(app, "highwater-access", environment, lake.key, network)
    compute = Compute(app, "highwater-compute", environment, lake, access)
    orchestration = Orchestration(app, "highwater-orchestration", environment, lake, network, access)
    # A run refuses a job of another release: no run of a new image may meet the jobs of the release before.
    orchestration.add_stack_dependency(compute)
    observability = Observability(app, "highwater-observability", environment, lake)
    stacks: tuple[Stack, ...] = (lake, network, access, compute, orchestration, observability)
    if environment.prefect == "self-hosted":
        server = Server(app, "highwater-server", environment, lake, network, access, orchestration)
        stacks = (*stacks, server)
    boundary.hold(app)
    tags.declare(app, environment)
    for stack in stacks:
        acknowledged.declare(stack)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return Account(app, stacks)
