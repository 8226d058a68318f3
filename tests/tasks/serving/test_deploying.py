"""On real local endpoints: a challenger is watched, promoted or taken back, from whatever state a run finds."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError

from local.aws.processes import marked
from local.aws.server import LocalAws
from tasks.errors import BusinessError, SystemFault
from tasks.leases import rows
from tasks.leases.lease import LeaseLost
from tasks.leases.turn import TurnRow
from tasks.models.model_registry import ModelVersion
from tasks.services import aws
from tasks.serving import deploying, endpoint_calls, observing
from tasks.serving.captured import served
from tasks.serving.deploying import Deployment
from tasks.serving.endpoint_requests import Config, config_of, model_name
from tasks.serving.endpoint_state import settled
from tasks.serving.observing import Observation, counted_from, observe
from tasks.serving.rollout import Rollout
from tasks.serving.tidying import clean_up
from tasks.settings import settings

ROLLOUT = Rollout(challenger_weight=0.2, watch_minutes=0, min_invocations=40, max_latency_ratio=3.0)
CUSTOMERS = [
    {"customer_id": f"c{i}", "x": float(x)} for i, x in enumerate(np.random.default_rng(2).beta(2, 3, 60))
]
Version = Callable[..., ModelVersion]


def deploy_challenger(version: ModelVersion, rollout: Rollout, run: str = "run-1") -> Deployment:
    return deploying.deploy_challenger(version, rollout, run)


def promote(version: ModelVersion, run: str = "run-1") -> Deployment:
    return deploying.promote(version, run)


def roll_back(version: ModelVersion, run: str = "run-1") -> Deployment:
    return deploying.roll_back(version, run)


def by_hand(config: Config) -> None:
    """As a person changes the endpoint, who waits for no turn."""
    update = {"EndpointName": settings().endpoint, "EndpointConfigName": config.name}
    aws.sagemaker().create_endpoint_config(**config.request)
    aws.sagemaker().update_endpoint(**update)
    settled()


def ask(record: dict[str, Any] = CUSTOMERS[0], **request: Any) -> tuple[str, float]:
    answer = aws.sagemaker_runtime().invoke_endpoint(
        EndpointName=settings().endpoint,
        ContentType="application/json",
        Accept="application/json",
        Body=json.dumps({"instances": [record]}),
        **request,
    )
    return answer["InvokedProductionVariant"], json.loads(answer["Body"].read())["predictions"][0][
        "probability"
    ]


def serving() -> tuple[dict[str, int], dict[str, float]]:
    found = settled()
    assert found is not None
    assert found.status == "InService"
    return found.versions, found.weights


def watched(two: ModelVersion, rollout: Rollout = ROLLOUT) -> Deployment:
    """The challenger once its requests count."""
    deployment = deploy_challenger(two, rollout)
    seconds = (counted_from(deployment.serving.since) - datetime.now(UTC)).total_seconds()
    time.sleep(max(0.0, seconds))
    return deployment


def outcomes(seen: Observation) -> dict[str, str]:
    return {verdict.figure: verdict.outcome for verdict in seen.verdicts}


@contextmanager
def customers() -> Iterator[list[Any]]:
    """Requests all the time while something else happens. Gives the answers and errors so far."""
    over, found = threading.Event(), []

    def send() -> None:
        while not over.is_set():
            try:
                found.append(ask())
            except ClientError as error:
                found.append(error)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


def test_the_first_version_is_the_champion_and_a_repetition_changes_nothing(
    version: Version, cloud: LocalAws
) -> None:
    first = deploy_challenger(version(1), ROLLOUT)
    assert (first.state, serving()) == ("champion", ({"champion": 1}, {"champion": 1.0}))
    assert first.message == f"{settings().endpoint} serves version 1 as champion"
    assert ask() == ("champion", CUSTOMERS[0]["x"])
    since = first.serving.since
    again = deploy_challenger(version(1), ROLLOUT)
    assert (again.state, again.serving.since) == ("champion", since)


def test_a_good_challenger_is_promoted_without_a_gap(version: Version, cloud: LocalAws) -> None:
    deploy_challenger(version(1), ROLLOUT)
    with customers() as answers:
        two = version(2, times=1.02)
        deployment = deploy_challenger(two, ROLLOUT)
        assert deployment.state == "challenger"
        assert serving() == ({"champion": 1, "challenger": 2}, {"champion": 0.8, "challenger": 0.2})
        assert deploy_challenger(two, ROLLOUT) == deployment  # a second run finds the same
        seen = observe(deployment, ROLLOUT, CUSTOMERS)
        assert (seen.decision, seen.probed) == ("promote", True)
        assert (seen.champion.version, seen.challenger.version) == (1, 2)
        assert seen.challenger.mean_score == pytest.approx(1.02 * np.mean([c["x"] for c in CUSTOMERS]))
        promoted = promote(two)
        assert (promoted.state, serving()) == ("champion", ({"champion": 2}, {"champion": 1.0}))
        assert promote(two).serving.since == promoted.serving.since
        asked = len(answers)
        deadline = time.monotonic() + 30
        while len(answers) < asked + 20 and time.monotonic() < deadline:
            time.sleep(0.02)
    assert [answer for answer in answers if isinstance(answer, Exception)] == []
    variants = Counter(variant for variant, _ in answers)
    assert variants["challenger"] > 0
    assert answers[-1] == ("champion", pytest.approx(CUSTOMERS[0]["x"] * 1.02))


@pytest.mark.parametrize(
    ("how", "figure"),
    [
        ({"fails": True}, "error_rate"),
        ({"seconds": 0.25}, "latency_ratio"),
        ({"times": 0.5}, "score_shift"),
    ],
)
def test_a_bad_challenger_is_taken_back(
    version: Version, cloud: LocalAws, how: dict[str, Any], figure: str
) -> None:
    deploy_challenger(version(1), ROLLOUT)
    two = version(2, **how)
    deployment = deploy_challenger(two, ROLLOUT)
    seen = observe(deployment, ROLLOUT, CUSTOMERS[:40])
    assert seen.decision == "roll back", outcomes(seen)
    assert outcomes(seen)[figure] == "FAILED"

    back = roll_back(two)
    assert (back.state, serving()) == ("out", ({"champion": 1}, {"champion": 1.0}))
    assert settings().endpoint in back.message
    assert ask() == ("champion", CUSTOMERS[0]["x"])
    assert roll_back(two).serving.since == back.serving.since
    with pytest.raises(BusinessError, match=r"Version 2 can't be promoted: .* serves version 1 as champion"):
        promote(two)


def test_live_traffic_is_enough_where_there_is_some(version: Version, cloud: LocalAws) -> None:
    deploy_challenger(version(1), ROLLOUT)
    two = version(2, times=0.4)
    deployment = watched(two)
    for record in CUSTOMERS:
        for variant in ("champion", "challenger"):
            ask(record, TargetVariant=variant)
    with pytest.raises(ClientError):
        ask({"customer_id": "c", "x": "one"}, TargetVariant="champion")
    time.sleep(2.5)  # captured data and metrics are written each second

    seen = observe(deployment, ROLLOUT)
    assert (seen.probed, seen.champion.invocations, seen.challenger.invocations) == (False, 61, 60)
    assert (seen.champion.errors, seen.challenger.errors) == (1, 0)
    assert sorted(seen.champion.scores) == sorted(c["x"] for c in CUSTOMERS)
    assert seen.champion.latency_ms is not None
    assert 0.05 < seen.champion.latency_ms < 5000
    assert (seen.decision, outcomes(seen)["score_shift"]) == ("roll back", "FAILED")


@pytest.mark.parametrize("failed", [4, 5])
def test_a_handful_of_live_requests_says_nothing_but_by_several_errors(
    version: Version, cloud: LocalAws, failed: int
) -> None:
    deploy_challenger(version(1), ROLLOUT)
    deployment = watched(version(2))
    for _ in range(failed):
        with pytest.raises(ClientError):
            ask({"customer_id": "c", "x": "one"}, TargetVariant="challenger")
    for variant in ("champion", "challenger"):
        ask(TargetVariant=variant)
    time.sleep(2.5)
    seen = observe(deployment, ROLLOUT, CUSTOMERS)
    if failed == 4:
        assert (seen.decision, seen.probed) == ("promote", True), outcomes(seen)
        assert (seen.champion.invocations, seen.challenger.invocations, seen.challenger.errors) == (60, 60, 0)
    else:
        assert (seen.decision, seen.probed, seen.challenger.invocations) == ("roll back", False, 6)
        assert outcomes(seen)["latency_ratio"] == "not judged: too little was seen"


def test_several_live_errors_count_beside_our_requests(version: Version, cloud: LocalAws) -> None:
    lenient = ROLLOUT.model_copy(update={"max_error_rate": 0.9})
    deploy_challenger(version(1), lenient)
    deployment = watched(version(2), lenient)
    for number in range(6):
        with suppress(ClientError):
            ask({"customer_id": "c", "x": "one" if number else 0.5}, TargetVariant="challenger")
    time.sleep(2.5)
    seen = observe(deployment, lenient, CUSTOMERS)
    assert (seen.probed, seen.champion.invocations) == (True, 60)
    assert (seen.challenger.invocations, seen.challenger.errors) == (66, 5)


def test_a_failing_challenger_is_not_watched_to_the_end(version: Version, cloud: LocalAws) -> None:
    long = ROLLOUT.model_copy(update={"watch_minutes": 60.0})
    deploy_challenger(version(1), ROLLOUT)
    deployment = watched(version(2, fails=True))
    for _ in range(6):
        with pytest.raises(ClientError, match="column orders: missing"):
            ask(TargetVariant="challenger")
    time.sleep(1.5)
    seen = observe(deployment, long, CUSTOMERS)
    assert (seen.decision, seen.challenger.errors, seen.probed) == ("roll back", 6, False)


def test_the_time_of_watching_goes_on_after_a_kill(version: Version, cloud: LocalAws) -> None:
    deploy_challenger(version(1), ROLLOUT)
    deployment = deploy_challenger(version(2), ROLLOUT)
    four_seconds = ROLLOUT.model_copy(update={"watch_minutes": 4 / 60})
    time.sleep(3)
    assert deploy_challenger(version(2), ROLLOUT) == deployment  # taken up
    started = time.monotonic()
    seen = observe(deployment, four_seconds, CUSTOMERS)
    assert time.monotonic() - started < 4.5
    assert seen.until - seen.since >= timedelta(seconds=4)
    assert seen.decision == "promote"


def test_what_an_earlier_challenger_did_in_the_same_minute_is_not_counted(
    version: Version, cloud: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CloudWatch tells sums of whole minutes: here of eight seconds, so that the test need not wait as long."""
    period = timedelta(seconds=8)
    monkeypatch.setattr(observing, "PERIOD", period)
    deploy_challenger(version(1), ROLLOUT)
    deployment = deploy_challenger(version(2), ROLLOUT)
    since = deployment.serving.since
    for name, value in (("Invocations", 50.0), ("Invocation4XXErrors", 50.0)):
        aws.cloudwatch().put_metric_data(
            Namespace=observing.NAMESPACE, MetricData=[datum(name, since, value)]
        )
    seen = observe(deployment, ROLLOUT, CUSTOMERS)
    assert (seen.decision, seen.challenger.errors, seen.challenger.invocations) == ("promote", 0, 60)
    assert timedelta(0) <= seen.since - since < period
    assert seen.since.timestamp() % 8 == 0
    assert seen.until >= seen.since


def datum(name: str, at: datetime, value: float) -> Any:
    """A figure of the challenger."""
    dimensions = {"EndpointName": settings().endpoint, "VariantName": "challenger"}
    return {
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": of} for key, of in dimensions.items()],
        "Timestamp": at,
        "Value": value,
    }


def test_requests_count_from_the_next_full_minute_on() -> None:
    minute = datetime(2026, 3, 1, 10, 31, tzinfo=UTC)
    assert counted_from(datetime(2026, 3, 1, 10, 30, 0, 1, tzinfo=UTC)) == minute
    assert (
        counted_from(datetime(2026, 3, 1, 16, 0, 59, tzinfo=timezone(timedelta(hours=5, minutes=30))))
        == minute
    )
    assert counted_from(minute) == minute


def test_without_traffic_and_probes_nothing_is_decided(version: Version, cloud: LocalAws) -> None:
    deploy_challenger(version(1), ROLLOUT)
    deployment = deploy_challenger(version(2), ROLLOUT)
    assert observe(deployment, ROLLOUT).decision == "wait"
    assert observe(deployment, ROLLOUT, CUSTOMERS).decision == "promote"
    with pytest.raises(BusinessError, match="nothing to watch"):
        observe(promote(version(2)), ROLLOUT)


def test_our_own_requests_are_known_as_such(version: Version, cloud: LocalAws) -> None:
    deploy_challenger(version(1), ROLLOUT)
    deployment = deploy_challenger(version(2), ROLLOUT)
    seen = observe(deployment, ROLLOUT, CUSTOMERS[:40])
    time.sleep(2.5)
    found = list(served("challenger", deployment.serving.since, seen.until + timedelta(seconds=1)))
    assert [s.probe for s in found] == [True] * 40
    again = observe(deployment, ROLLOUT)
    assert (again.challenger.invocations, again.challenger.scores, again.decision) == (40, (), "wait")


def test_a_version_that_can_not_be_loaded_leaves_the_champion_alone(
    version: Version, cloud: LocalAws
) -> None:
    deploy_challenger(version(1), ROLLOUT)
    with customers() as answers, pytest.raises(SystemFault, match=r"did not take .*no such tree.* as before"):
        deploy_challenger(version(2, broken=True), ROLLOUT)
    assert set(answers) == {("champion", CUSTOMERS[0]["x"])}
    assert serving() == ({"champion": 1}, {"champion": 1.0})
    assert deploy_challenger(version(3), ROLLOUT).state == "challenger"


def test_a_first_version_that_can_not_be_loaded_leaves_no_endpoint(version: Version, cloud: LocalAws) -> None:
    with pytest.raises(
        SystemFault, match=r"could not be created with version 1: .*no such tree.* It was deleted"
    ):
        deploy_challenger(version(1, broken=True), ROLLOUT)
    assert settled() is None
    assert marked(lambda mark: f"Endpoint/{settings().endpoint}/" in mark) == set()
    assert deploy_challenger(version(2), ROLLOUT).state == "champion"


STEPS = ("create_model", "create_config", "create_endpoint", "update_endpoint", "weigh")


class Killed(BaseException):
    """As a kill: no `except Exception` sees it."""


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("good", [True, False], ids=["promoted", "taken back"])
def test_a_run_that_is_killed_anywhere_is_taken_up(
    version: Version, cloud: LocalAws, monkeypatch: pytest.MonkeyPatch, good: bool, after: bool
) -> None:
    """The run is killed before or after its first call, the next at its second, and so on until one comes through."""
    one, two = version(1), version(2, **({} if good else {"times": 0.3}))

    def run() -> str:
        deploy_challenger(one, ROLLOUT)
        deployment = deploy_challenger(two, ROLLOUT)
        if deployment.state != "challenger":
            return deployment.state
        seen = observe(deployment, ROLLOUT, CUSTOMERS)
        return (promote if seen.decision == "promote" else roll_back)(two).state

    left = {"calls": 0}

    def killing(call: Callable[..., Any]) -> Callable[..., Any]:
        def killed(*arguments: Any) -> Any:
            left["calls"] -= 1
            if left["calls"] == 0 and not after:
                raise Killed
            answer = call(*arguments)
            if left["calls"] == 0:
                raise Killed
            return answer

        return killed

    for name in STEPS:
        monkeypatch.setattr(endpoint_calls, name, killing(getattr(endpoint_calls, name)))
    kills = 0
    for at in range(1, 30):
        left["calls"] = at
        try:
            end = run()
            break
        except Killed:
            kills += 1
            assert len(serving_or_none()) <= 2
    assert kills >= 4
    assert end == ("champion" if good else "out")
    assert serving() == ({"champion": 2 if good else 1}, {"champion": 1.0})


def serving_or_none() -> dict[str, int]:
    found = settled()
    return {} if found is None else found.versions


def test_two_runs_at_once_do_the_same(version: Version, cloud: LocalAws) -> None:
    one, two = version(1), version(2)
    both(lambda run: deploy_challenger(one, ROLLOUT, run))
    assert serving() == ({"champion": 1}, {"champion": 1.0})
    states = both(lambda run: deploy_challenger(two, ROLLOUT, run).state)
    assert (states, serving()[0]) == (["challenger"] * 2, {"champion": 1, "challenger": 2})
    states = both(lambda run: promote(two, run).state)
    assert (states, serving()[0]) == (["champion"] * 2, {"champion": 2})
    configs = aws.sagemaker().list_endpoint_configs(NameContains=settings().endpoint)["EndpointConfigs"]
    assert len(configs) == 3


def both(step: Callable[[str], Any]) -> list[Any]:
    found: list[Any] = []

    def run(name: str) -> None:
        try:
            found.append(step(name))
        except Exception as error:
            found.append(error)

    threads = [threading.Thread(target=run, args=(name,)) for name in ("run-1", "run-2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not [error for error in found if isinstance(error, Exception)], found
    return found


def test_of_two_runs_that_deploy_different_versions_at_once_the_second_waits_and_looks_for_itself(
    version: Version, cloud: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newer version comes between the other's look and its update, which then would replace it unseen."""
    deploy_challenger(version(1), ROLLOUT)
    two, three, call = version(2), version(3), endpoint_calls.update_endpoint
    states: list[str] = []
    second = threading.Thread(
        target=lambda: states.append(deploy_challenger(three, ROLLOUT, "run-2").state), daemon=True
    )

    def meanwhile(config: Config) -> bool:
        monkeypatch.setattr(endpoint_calls, "update_endpoint", call)
        second.start()
        second.join(timeout=6)
        states.append("waiting" if second.is_alive() else "done before the other")
        return call(config)

    monkeypatch.setattr(endpoint_calls, "update_endpoint", meanwhile)
    assert deploy_challenger(two, ROLLOUT, "run-1").state == "challenger"
    second.join(timeout=60)
    assert states == ["waiting", "challenger"]
    assert serving()[0] == {"champion": 1, "challenger": 3}


def test_a_run_that_lost_its_turn_changes_nothing(
    version: Version, cloud: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy_challenger(version(1), ROLLOUT)
    two, call = version(2), endpoint_calls.create_config

    def while_the_turn_is_lost(config: Config) -> bool:
        held = rows.get(TurnRow, f"turn/endpoint {settings().endpoint}")
        assert held
        assert rows.swap(held, replace(held, token=held.token + 1, owner="run-2", process="run-2@elsewhere"))
        return call(config)

    monkeypatch.setattr(endpoint_calls, "create_config", while_the_turn_is_lost)
    with pytest.raises(LeaseLost):
        deploy_challenger(two, ROLLOUT, "run-1")
    assert serving()[0] == {"champion": 1}


def test_a_challenger_of_another_version_makes_way_for_a_newer_one_alone(
    version: Version, cloud: LocalAws
) -> None:
    deploy_challenger(version(1), ROLLOUT)
    deploy_challenger(version(3), ROLLOUT)
    old = deploy_challenger(version(2), ROLLOUT)
    assert (old.state, serving()[0]) == ("superseded", {"champion": 1, "challenger": 3})
    assert old.message.endswith("beside it 3 as challenger with weight 0.2: 3 is newer than 2")
    assert deploy_challenger(version(4), ROLLOUT).state == "challenger"
    assert serving()[0] == {"champion": 1, "challenger": 4}
    assert roll_back(version(3)).state == "superseded"
    assert serving()[0] == {"champion": 1, "challenger": 4}


@pytest.mark.parametrize("step", ["create_model", "create_config"])
def test_a_newer_version_that_a_person_puts_in_between_stays(
    version: Version, cloud: LocalAws, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    deploy_challenger(version(1), ROLLOUT)
    call = getattr(endpoint_calls, step)
    deploying.create_model(version(3))

    def after_a_person(*arguments: Any) -> Any:
        monkeypatch.setattr(endpoint_calls, step, call)
        by_hand(config_of(1, 3, 0.2))
        return call(*arguments)

    monkeypatch.setattr(endpoint_calls, step, after_a_person)
    assert deploy_challenger(version(2), ROLLOUT).state == "superseded"
    assert serving()[0] == {"champion": 1, "challenger": 3}


def test_what_a_person_promoted_meanwhile_is_not_undone(
    version: Version, cloud: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy_challenger(version(1), ROLLOUT)
    two, call = version(2), endpoint_calls.weigh
    deploy_challenger(two, ROLLOUT)

    def before_a_person(weights: Any) -> Any:
        monkeypatch.setattr(endpoint_calls, "weigh", call)
        answer = call(weights)
        settled()
        by_hand(config_of(2))
        return answer

    monkeypatch.setattr(endpoint_calls, "weigh", before_a_person)
    assert roll_back(two).state == "champion"
    assert serving() == ({"champion": 2}, {"champion": 1.0})


def test_a_roll_back_that_was_interrupted_is_finished(version: Version, cloud: LocalAws) -> None:
    deploy_challenger(version(1), ROLLOUT)
    two = version(2)
    deploy_challenger(two, ROLLOUT)
    endpoint_calls.weigh({"champion": 1.0, "challenger": 0.0})
    settled()
    assert deploy_challenger(two, ROLLOUT).state == "out"
    assert serving() == ({"champion": 1}, {"champion": 1.0})


def test_what_a_person_made_is_not_touched(version: Version, cloud: LocalAws) -> None:
    model = endpoint_calls.create_model(version(1))
    variant = {"VariantName": "AllTraffic", "ModelName": model, "InstanceType": "ml.m5.large"}
    aws.sagemaker().create_endpoint_config(
        EndpointConfigName=f"by-hand-{settings().endpoint}",
        ProductionVariants=[{**variant, "InitialInstanceCount": 1}],  # type: ignore[typeddict-item]
    )
    aws.sagemaker().create_endpoint(
        EndpointName=settings().endpoint, EndpointConfigName=f"by-hand-{settings().endpoint}"
    )
    with pytest.raises(SystemFault, match=r"which no run of ours made \(variants AllTraffic\)"):
        deploy_challenger(version(2), ROLLOUT)


def test_what_nobody_uses_is_deleted_but_the_last_champion(version: Version, cloud: LocalAws) -> None:
    deploy_challenger(version(1), ROLLOUT)
    for number in (2, 3):
        deploy_challenger(version(number), ROLLOUT)
        promote(version(number))
    deploy_challenger(version(4), ROLLOUT)
    roll_back(version(4))

    assert clean_up() == clean_up(timedelta(hours=1))  # all is young, nothing goes
    found = clean_up(timedelta(0))
    assert found.models == (model_name(1), model_name(4))
    assert set(found.configs) == {
        config_of(1).name,
        *(config_of(*pair, 0.2).name for pair in ((1, 2), (2, 3), (3, 4))),
    }
    left = aws.sagemaker().list_endpoint_configs(NameContains=settings().endpoint)["EndpointConfigs"]
    assert {c["EndpointConfigName"] for c in left} == {config_of(2).name, config_of(3).name}
    assert ask() == ("champion", CUSTOMERS[0]["x"])
    assert clean_up(timedelta(0)).configs == ()


def test_a_model_of_the_same_name_but_another_archive_is_refused(version: Version, cloud: LocalAws) -> None:
    first = version(1)
    deploying.create_model(first)
    assert deploying.create_model(first) == model_name(1)
    assert aws.sagemaker().describe_model(ModelName=model_name(1))["EnableNetworkIsolation"] is True
    other = ModelVersion(**{**first.__dict__, "model_data": "s3://highwater-artifacts/other.tar.gz"})
    with pytest.raises(SystemFault, match=r"is of s3://.*and version 1 of s3://highwater-artifacts/other"):
        deploying.create_model(other)
