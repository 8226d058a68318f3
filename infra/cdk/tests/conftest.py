from __future__ import annotations

import pytest
from aws_cdk import App
from aws_cdk.assertions import Template
from highwater_infra.account import build
from highwater_infra.environments import DEV, PROD, Environment

Templates = dict[str, Template]


def templates_of(environment: Environment) -> Templates:
    return {stack.stack_name: Template.from_stack(stack) for stack in build(App(), environment)}


@pytest.fixture(scope="session")
def prod() -> Templates:
    return templates_of(PROD)


@pytest.fixture(scope="session")
def dev() -> Templates:
    return templates_of(DEV)
