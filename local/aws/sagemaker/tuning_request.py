"""CreateHyperParameterTuningJob's request: refuse what AWS refuses and what is not supported here, read the rest."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.aws.sagemaker import training
from local.aws.sagemaker.requests import refuse
from local.aws.sagemaker.tuning_ranges import Categories, Space, invalid, space_of
from local.aws.sagemaker.tuning_search import Bayesian, Grid, Random, Search
from local.aws.sagemaker.tuning_trial import OBJECTIVE_HYPERPARAMETER, Objective, training_request

NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,31}")
_UNSUPPORTED = (
    *("HyperParameterTuningResourceConfig", "TuningObjective", "HyperParameterRanges"),
    *("CheckpointConfig", "RetryStrategy"),
)


@dataclass(frozen=True)
class Plan:
    """What a tuning job does."""

    definition: Mapping[str, Any]
    hyperparameters: Mapping[str, str]
    """Those that all trials have."""
    objective: Objective
    search: Search
    trials: int
    parallel: int
    """MaxParallelTrainingJobs, at most one for each of this machine's cores."""
    stops_early: bool

    def request(self, name: str, tuned: Mapping[str, str]) -> dict[str, Any]:
        return training_request(self.definition, name, {**self.hyperparameters, **tuned})


def plan_of(request: Mapping[str, Any]) -> Plan:
    config, definition = request["HyperParameterTuningJobConfig"], request.get("TrainingJobDefinition")
    _check_supported(request, config)
    if definition is None:
        raise invalid("A tuning job needs a TrainingJobDefinition.")
    _check_definition(definition)
    objective = _objective(config, definition)
    space = space_of(config.get("ParameterRanges") or {})
    fixed = definition.get("StaticHyperParameters") or {}
    both = sorted(fixed.keys() & {known.name for known in space.ranges})
    if both:
        raise invalid(f"Hyperparameters {both} are both in StaticHyperParameters and in ParameterRanges.")
    search, trials = _search(config, space)
    plan = Plan(
        definition=definition,
        hyperparameters={**fixed, OBJECTIVE_HYPERPARAMETER: objective.metric},
        objective=objective,
        search=search,
        trials=trials,
        parallel=min(config["ResourceLimits"]["MaxParallelTrainingJobs"], os.cpu_count() or 1),
        stops_early=config.get("TrainingJobEarlyStoppingType", "Off") == "Auto",
    )
    training.check(plan.request(request["HyperParameterTuningJobName"], {}))
    return plan


def check_tuning_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise invalid(
            f"1 validation error detected: Value '{name}' at 'hyperParameterTuningJobName' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: ^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,31}"
        )


def _check_supported(request: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    for member in ("TrainingJobDefinitions", "WarmStartConfig", "Autotune"):
        if request.get(member):
            refuse(f"does not honour {member} of a tuning job")
    for member in ("StrategyConfig", "TuningJobCompletionCriteria"):
        if config.get(member):
            refuse(f"does not honour {member} of a tuning job")
    if config["Strategy"] == "Hyperband":
        refuse("searches by Random, Grid and Bayesian, not by Hyperband")
    if "MaxRuntimeInSeconds" in config["ResourceLimits"]:
        refuse("does not limit a tuning job's MaxRuntimeInSeconds: limit the trials' StoppingCondition")


def _check_definition(definition: Mapping[str, Any]) -> None:
    for member in _UNSUPPORTED:
        if definition.get(member):
            refuse(f"does not honour {member} of a tuning job's TrainingJobDefinition")
    if "ResourceConfig" not in definition:
        raise invalid("A tuning job's TrainingJobDefinition needs a ResourceConfig.")


def _objective(config: Mapping[str, Any], definition: Mapping[str, Any]) -> Objective:
    given = config.get("HyperParameterTuningJobObjective")
    if given is None:
        raise invalid("A tuning job of one TrainingJobDefinition needs a HyperParameterTuningJobObjective.")
    defined = definition["AlgorithmSpecification"].get("MetricDefinitions") or []
    regexes = {metric["Name"]: metric["Regex"] for metric in defined}
    if given["MetricName"] not in regexes:
        raise invalid(
            "A metric is required for this hyperparameter tuning job objective. "
            "Provide a metric in the metric definitions."
        )
    sign = 1 if given["Type"] == "Minimize" else -1
    return Objective(given["MetricName"], regexes[given["MetricName"]], sign)


def _search(config: Mapping[str, Any], space: Space) -> tuple[Search, int]:
    """The search and the number of its trials."""
    trials = config["ResourceLimits"].get("MaxNumberOfTrainingJobs")
    if config["Strategy"] == "Grid":
        categories = [known for known in space.ranges if isinstance(known, Categories)]
        if len(categories) < len(space.ranges):
            raise invalid(
                "Grid search takes categorical hyperparameters only: use CategoricalParameterRanges."
            )
        grid = Grid(categories)
        if trials not in (None, len(grid)):
            raise invalid(
                f"MaxNumberOfTrainingJobs is {trials}, and the grid has {len(grid)} combinations: leave it out."
            )
        return grid, len(grid)
    if trials is None:
        raise invalid(f"MaxNumberOfTrainingJobs is required for the strategy {config['Strategy']}.")
    seed = config.get("RandomSeed", secrets.randbits(32))
    return (Random if config["Strategy"] == "Random" else Bayesian)(space, seed), trials
