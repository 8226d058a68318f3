"""The stacks of one environment, in the order in which they stand on each other."""

from __future__ import annotations

from aws_cdk import App, Stack, Tags, Validations
from cdk_nag import AwsSolutionsChecks

from highwater_infra.environments import Environment
from highwater_infra.network import Network


def build(app: App, environment: Environment) -> list[Stack]:
    network = Network(app, "highwater-network", environment)
    Tags.of(app).add("project", "highwater")
    Tags.of(app).add("environment", environment.name)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return [network]
