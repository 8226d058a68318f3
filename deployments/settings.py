"""What the stacks tell the worker's service about the place that flow runs are started in."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from deployments import names


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Listed = Annotated[list[str], NoDecode, BeforeValidator(_split)]
"""In a variable: values separated by commas."""


class Place(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="HIGHWATER_")

    cluster: str = Field(default=names.CLUSTER, description="ECS cluster, name or ARN")
    task_definition: str = Field(
        default=names.FLOW_RUN, description="family of the flow runs' task definition"
    )
    subnets: Listed = Field(description="private subnets, separated by commas")
    security_groups: Listed = Field(description="security groups, separated by commas")

    prefect_api_key_secret_arn: str | None = Field(
        default=None,
        description="secret of Prefect Cloud's API key, which the task definition hands to flow runs",
    )
    prefect_api_auth_string_secret_arn: str | None = Field(
        default=None, description="the same for the login of a server of our own"
    )

    @field_validator("subnets", "security_groups")
    @classmethod
    def _not_empty(cls, value: list[str]) -> list[str]:
        if not value:
            raise ValueError("none is named: take it from the outputs of the network stack")
        return value
