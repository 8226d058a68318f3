"""Bring a model into service with a way back: beside the champion, then in its place, or out again.

Each step reads what the endpoint is and goes on from there, so a killed run is taken up by the next, and two runs of one
version do the same. An update in progress can't be cancelled: a stopped run leaves it, and the next one waits for it.

SageMaker takes an update whatever the endpoint is by then. So a step has the turn at the endpoint from its look to the end
of its change: another run waits, and then looks for itself. `owner` is the run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from deployments.names import CHALLENGER, CHAMPION
from tasks.errors import BusinessError, SystemFault
from tasks.events import log
from tasks.leases import turn
from tasks.leases.turn import Turn
from tasks.models.model_registry import ModelVersion
from tasks.serving import endpoint_calls as calls
from tasks.serving.endpoint_requests import Config, config_of
from tasks.serving.endpoint_state import FAILED, Serving, settled
from tasks.serving.rollout import Rollout
from tasks.settings import settings

State = Literal["champion", "challenger", "out", "superseded"]
_TRIES = 4
_TURN_SECONDS = 3600.0
"""As long as a change of the endpoint may take."""


@dataclass(frozen=True)
class Deployment:
    """Where a version stands in the endpoint, and what that means in words."""

    version: int
    state: State
    serving: Serving
    message: str


def create_model(version: ModelVersion) -> str:
    """Create the SageMaker model of a version, unless it exists. Returns its name."""
    return calls.create_model(version)


def deploy_challenger(version: ModelVersion, rollout: Rollout, owner: str) -> Deployment:
    """Put the version beside the champion. It gets its share of the traffic once it is loaded.

    Where there is no champion yet, it becomes the champion.
    """
    with _turn(owner) as held:
        return _beside_champion(version, rollout, held)


def promote(version: ModelVersion, owner: str) -> Deployment:
    """Make the version the champion, alone in the endpoint."""
    with _turn(owner) as held:
        serving = _existing()
        if serving.champion == version.number:
            return standing(version.number, serving)
        if serving.challenger != version.number:
            raise BusinessError(
                f"Version {version.number} can't be promoted: {_in_words(serving)}. Another run or a person changed it; "
                "deploy the version again."
            )
        alone = config_of(version.number)
        return standing(version.number, _reach(alone, serving.champion, version.number, held))


def roll_back(version: ModelVersion, owner: str) -> Deployment:
    """Take the version out of traffic at once, then out of the endpoint. The champion stays."""
    with _turn(owner) as held:
        return _taken_out(version, held)


def standing(version: int, serving: Serving) -> Deployment:
    """Where a version stands. A newer version in the endpoint supersedes it."""
    newest = max(serving.versions.values())
    message = _in_words(serving)
    if serving.champion == version:
        return Deployment(version, "champion", serving, message)
    if serving.challenger == version:
        return Deployment(version, "challenger", serving, message)
    if newest > version:
        return Deployment(version, "superseded", serving, f"{message}: {newest} is newer than {version}")
    return Deployment(version, "out", serving, f"{message}, and not version {version}")


@contextmanager
def _turn(owner: str) -> Iterator[Turn]:
    with turn.held(f"endpoint {settings().endpoint}", owner, _TURN_SECONDS) as held:
        yield held


def _created(version: ModelVersion, held: Turn) -> Deployment:
    """Create the endpoint with the version as champion, if there is none or it never came into service."""
    calls.create_model(version)
    created = False
    for _ in range(_TRIES):
        serving = settled()
        if serving is not None and serving.status != FAILED:
            return standing(version.number, serving)
        champion = version.number
        if serving is not None:
            held.require()
            calls.delete_endpoint()
            settled()
            if created:
                raise SystemFault(
                    f"Endpoint {settings().endpoint} could not be created with version {champion}: {serving.reason} It was "
                    "deleted. Correct the model, then run again."
                )
            # Two variants: it was in service, so that the champion comes back and not a model that nobody has tried.
            champion = champion if serving.challenger is None else serving.champion
        config = config_of(champion)
        calls.create_config(config)
        held.require()
        created = calls.create_endpoint(config)
        log("endpoint created", endpoint=settings().endpoint, champion=champion)
    raise _unsettled()


def _beside_champion(version: ModelVersion, rollout: Rollout, held: Turn) -> Deployment:
    serving = settled()
    if serving is None or serving.status == FAILED:
        first = _created(version, held)
        if first.state == "champion":
            return first
        serving = first.serving
    if serving.challenger == version.number and not serving.weights.get(CHALLENGER):
        log("a roll back was interrupted: it is finished now", version=version.number)
        return _taken_out(version, held)
    found = standing(version.number, serving)
    if found.state in ("champion", "superseded"):
        log("not deployed", endpoint=settings().endpoint, version=version.number, why=found.message)
        return found
    calls.create_model(version)
    config = config_of(serving.champion, version.number, rollout.challenger_weight)
    return standing(version.number, _reach(config, serving.champion, version.number, held))


def _taken_out(version: ModelVersion, held: Turn) -> Deployment:
    serving = _existing()
    if serving.challenger == version.number:
        if serving.weights.get(CHALLENGER):
            held.require()
            calls.weigh({CHAMPION: 1.0, CHALLENGER: 0.0})
        serving = _reach(config_of(serving.champion), serving.champion, version.number, held)
    return standing(version.number, serving)


def _reach(config: Config, champion: int, at_most: int, held: Turn) -> Serving:
    """Bring the endpoint to a configuration, from one with this champion and no newer challenger.

    If it is found otherwise, a person changed it, or a run that lost its turn, and what it then is is returned.
    """
    calls.create_config(config)  # first: nothing is to take time between what is read and what is changed
    sent = False
    for _ in range(_TRIES):
        serving = _existing()
        if serving.config == config.name:
            if _has_weights(serving, config):
                return serving
            held.require()
            calls.weigh(_weights(config))
            continue
        if serving.champion != champion or (serving.challenger or 0) > at_most:
            return serving
        if sent:
            raise SystemFault(
                f"Endpoint {settings().endpoint} did not take {config.name}: "
                f"{serving.reason or 'the update ended without it, and without a reason.'} {_in_words(serving)}, as before. "
                "Correct the model, then run again."
            )
        held.require()
        sent = calls.update_endpoint(config)
    raise _unsettled()


def _existing() -> Serving:
    serving = settled()
    if serving is None:
        raise SystemFault(
            f"Endpoint {settings().endpoint} is gone: somebody deleted it. Deploy the version again."
        )
    if serving.status == FAILED:
        raise SystemFault(
            f"Endpoint {settings().endpoint} is Failed: {serving.reason} Run again: the champion is deployed anew."
        )
    return serving


def _weights(config: Config) -> dict[str, float]:
    return {v["VariantName"]: v["InitialVariantWeight"] for v in config.request["ProductionVariants"]}


def _has_weights(serving: Serving, config: Config) -> bool:
    return all(abs(serving.weights.get(name, -1.0) - w) < 1e-4 for name, w in _weights(config).items())


def _in_words(serving: Serving) -> str:
    beside = ""
    if serving.challenger is not None:
        beside = f", beside it {serving.challenger} as challenger with weight {serving.weights.get(CHALLENGER, 0):g}"
    return f"{settings().endpoint} serves version {serving.champion} as champion{beside}"


def _unsettled() -> BusinessError:
    return BusinessError(
        f"Endpoint {settings().endpoint} was changed by others {_TRIES} times in a row. Let one run deploy at a time, then "
        "run again."
    )
