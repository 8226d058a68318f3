"""Delete endpoint configurations and models that nobody uses any more. The last champion stays, for a way back by hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tasks.errors import aws_failures
from tasks.events import log
from tasks.services import aws
from tasks.serving import endpoint_calls as calls
from tasks.serving.endpoint_requests import champion_of_solo, is_ours, model_name, version_of
from tasks.serving.endpoint_state import Serving, settled
from tasks.settings import settings

YOUNG = timedelta(hours=1)


@dataclass(frozen=True)
class Made:
    name: str
    at: datetime


@dataclass(frozen=True)
class Unused:
    configs: tuple[str, ...]
    models: tuple[str, ...]


def clean_up(young: timedelta = YOUNG) -> Unused:
    """Delete what is not used. What is younger may be what another run is about to deploy, and stays."""
    serving = settled()
    if serving is None:
        return Unused((), ())
    found = unused(serving, _configs(), _models(), datetime.now(UTC) - young)
    for name in found.configs:
        calls.delete_config(name)
    for name in found.models:
        calls.delete_model(name)
    log("cleaned up", endpoint=settings().endpoint, configs=len(found.configs), models=len(found.models))
    return found


def unused(serving: Serving, configs: Iterable[Made], models: Iterable[Made], before: datetime) -> Unused:
    """Which of ours are neither in the endpoint, nor the last champion's, nor made since `before`. Pure."""
    ours = [config for config in configs if is_ours(config.name)]
    kept = {config.name for config in ours if config.at >= before} | {serving.config}
    solo = [c for c in ours if champion_of_solo(c.name) not in (None, serving.champion)]
    last = max(solo, key=lambda config: config.at, default=None)
    used = {model_name(version) for version in serving.versions.values()}
    if last is not None:
        kept.add(last.name)
        used.add(model_name(champion_of_solo(last.name) or 0))
    return Unused(
        tuple(sorted(config.name for config in ours if config.name not in kept)),
        tuple(
            sorted(
                model.name
                for model in models
                if version_of(model.name) is not None and model.at < before and model.name not in used
            )
        ),
    )


def _configs() -> list[Made]:
    name = settings().endpoint
    with aws_failures(f"listing the endpoint configurations of {name}"):
        pages = aws.sagemaker().get_paginator("list_endpoint_configs").paginate(NameContains=name)
        return [
            Made(found["EndpointConfigName"], found["CreationTime"])
            for page in pages
            for found in page["EndpointConfigs"]
        ]


def _models() -> list[Made]:
    name = settings().endpoint
    with aws_failures(f"listing the models of {name}"):
        pages = aws.sagemaker().get_paginator("list_models").paginate(NameContains=name)
        return [Made(found["ModelName"], found["CreationTime"]) for page in pages for found in page["Models"]]
