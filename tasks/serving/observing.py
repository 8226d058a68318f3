"""Watch champion and challenger side by side: CloudWatch has errors and latency, the captured answers the scores."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from deployments.names import CHALLENGER, CHAMPION
from tasks.errors import BusinessError, aws_failures
from tasks.events import log
from tasks.models.verdicts import Verdict
from tasks.services import aws
from tasks.serving import captured
from tasks.serving.deploying import Deployment
from tasks.serving.endpoint_state import Serving
from tasks.serving.probing import Probed, Record, probe
from tasks.serving.rollout import ERRORS, FEWEST_ERRORS, Decision, Figures, Rollout, decide, judge
from tasks.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

VARIANTS = (CHAMPION, CHALLENGER)
NAMESPACE = "AWS/SageMaker"
_METRICS = {
    "invocations": "Invocations",
    "client_errors": "Invocation4XXErrors",
    "server_errors": "Invocation5XXErrors",
    "latency": "ModelLatency",
}
PERIOD = timedelta(minutes=1)
"""CloudWatch's: in the minute of the rollout its figures are also those of an earlier challenger."""
_SCORES_MOST = 20_000
_LOOK_SECONDS = 30.0
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Observation:
    """What both variants showed since the first full minute of the challenger, and the judgement of it."""

    champion: Figures
    challenger: Figures
    verdicts: tuple[Verdict, ...]
    since: datetime
    until: datetime
    probed: bool

    @property
    def decision(self) -> Decision:
        return decide(self.verdicts)


def observe(deployment: Deployment, rollout: Rollout, probes: Sequence[Record] = ()) -> Observation:
    """Watch until the time is up, or the challenger has failed. Taken up after a kill, the time goes on from its start.

    `probes` are records of customers (all columns of the model), sent to both variants if live traffic is too little.
    """
    if deployment.state != "challenger":
        raise BusinessError(f"There is nothing to watch: {deployment.message}.")
    serving, since = deployment.serving, counted_from(deployment.serving.since)
    until = since + timedelta(minutes=rollout.watch_minutes)
    time.sleep(max(0.0, (since - datetime.now(UTC)).total_seconds()))
    while (now := datetime.now(UTC)) < until:
        champion, challenger = (_counted(variant, serving, since, now) for variant in VARIANTS)
        log(
            "watching the challenger",
            version=deployment.version,
            invocations=challenger.invocations,
            errors=challenger.errors,
        )
        if challenger.errors >= FEWEST_ERRORS and _misses_errors(champion, challenger, rollout):
            break
        time.sleep(min(_LOOK_SECONDS, max(0.0, (until - now).total_seconds())))
    now = datetime.now(UTC)
    seen = _judged(live_figures(serving, since, now), rollout, since, now, probed=False)
    if seen.decision == "roll back" or not probes or not _too_little(seen, rollout):
        return seen
    found = probe(probes, rollout.min_invocations)
    places = found[CHAMPION].scores.keys() & found[CHALLENGER].scores.keys()
    both = [
        _with_probes(figures, found[figures.variant], sorted(places), rollout.min_invocations)
        for figures in (seen.champion, seen.challenger)
    ]
    return _judged(both, rollout, since, datetime.now(UTC), probed=True)


def counted_from(rollout_ended: datetime) -> datetime:
    """The first full minute after a rollout."""
    seconds = PERIOD.total_seconds()
    return datetime.fromtimestamp(math.ceil(rollout_ended.timestamp() / seconds) * seconds, UTC)


def live_figures(serving: Serving, since: datetime, until: datetime) -> list[Figures]:
    """Champion's and challenger's figures from their traffic."""
    return [_with_scores(_counted(variant, serving, since, until), since, until) for variant in VARIANTS]


def _counted(variant: str, serving: Serving, since: datetime, until: datetime) -> Figures:
    """A variant's figures without its scores."""
    sums = _sums(variant, since, until)
    answered = sums["answered"]
    return Figures(
        variant=variant,
        version=serving.versions[variant],
        invocations=int(sums["invocations"]),
        errors=int(sums["client_errors"] + sums["server_errors"]),
        latency_ms=sums["latency"] / answered / 1000 if answered else None,
    )


def _with_scores(figures: Figures, since: datetime, until: datetime) -> Figures:
    found = captured.served(figures.variant, since, until + _SECOND)
    scores = deque((s.probability for s in found if not s.probe), maxlen=_SCORES_MOST)
    return replace(figures, scores=tuple(scores))


def _sums(variant: str, since: datetime, until: datetime) -> dict[str, float]:
    """The metrics' sums, and of the latency also how many requests it is of."""
    queries = [_query(name, variant, metric, "Sum") for name, metric in _METRICS.items()]
    queries.append(_query("answered", variant, _METRICS["latency"], "SampleCount"))
    found = dict.fromkeys((*_METRICS, "answered"), 0.0)
    with aws_failures(f"reading the metrics of {settings().endpoint}, {variant}"):
        pages = (
            aws.cloudwatch()
            .get_paginator("get_metric_data")
            .paginate(MetricDataQueries=queries, StartTime=since, EndTime=until + PERIOD)
        )
        for page in pages:
            for result in page["MetricDataResults"]:
                found[result["Id"]] += sum(result["Values"])
    return found


def _query(name: str, variant: str, metric: str, stat: str) -> MetricDataQueryTypeDef:
    return {
        "Id": name,
        "MetricStat": {
            "Metric": {
                "Namespace": NAMESPACE,
                "MetricName": metric,
                "Dimensions": [
                    {"Name": "EndpointName", "Value": settings().endpoint},
                    {"Name": "VariantName", "Value": variant},
                ],
            },
            "Period": int(PERIOD.total_seconds()),
            "Stat": stat,
        },
    }


def _judged(
    both: Sequence[Figures], rollout: Rollout, since: datetime, until: datetime, probed: bool
) -> Observation:
    champion, challenger = both
    return Observation(
        champion, challenger, tuple(judge(champion, challenger, rollout)), since, until, probed
    )


def _misses_errors(champion: Figures, challenger: Figures, rollout: Rollout) -> bool:
    verdict = next(v for v in judge(champion, challenger, rollout) if v.figure == ERRORS)
    return verdict.value is not None and not verdict.passed


def _too_little(seen: Observation, rollout: Rollout) -> bool:
    fewest = rollout.min_invocations
    return any(
        figures.invocations < fewest or len(figures.scores) < fewest
        for figures in (seen.champion, seen.challenger)
    )


def _with_probes(figures: Figures, probed: Probed, places: Sequence[int], fewest: int) -> Figures:
    """What our requests showed. Customers' requests count beside them if they are many, or several of them failed."""
    counts = figures.invocations >= fewest or figures.errors >= FEWEST_ERRORS
    return replace(
        figures,
        invocations=probed.invocations + (figures.invocations if counts else 0),
        errors=probed.errors + (figures.errors if counts else 0),
        latency_ms=probed.latency_ms,
        scores=tuple(probed.scores[place] for place in places),
        paired=True,
    )
