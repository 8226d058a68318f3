"""Commits whose answer is lost: what landed stays whole and counts as landed, what did not is not believed to have."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from local.aws import glue_catalog
from local.aws.actions import Overrides
from tasks.errors import StaleResult, Uncertain
from tasks.lake import lake_catalog, lake_commits, lake_tables
from tasks.lake.lake_commits import Commit
from tasks.services import aws
from tests.tasks.lake.test_lake_commits import commit, publish, put, rows
from tests.tasks.lost_answers import cut_off, deliver, lost

ONE, TWO = [{"order_id": "a"}], [{"order_id": "a"}, {"order_id": "b"}]


@pytest.fixture(autouse=True)
def glue_checks_versions(empty_lake: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    overrides = Overrides()
    glue_catalog.install(overrides)
    monkeypatch.setattr(lake_catalog, "LOOK_AGAIN_AFTER", (0.0, 0.0))
    yield
    overrides.undo()


def file(work: str, *orders: str) -> tuple[str, ...]:
    return (put(f"curated/sales/data/{work}/published/a.parquet", order_id=list(orders)),)


@pytest.fixture
def base(glue_checks_versions: None) -> int:
    return publish(commit("w1", file("w1", "a")), None)


def test_a_commit_that_landed_is_kept_and_sent_once(base: int) -> None:
    """botocore would send it again, Glue would refuse that, and pyiceberg would delete the current snapshot's manifests."""
    with lost(aws.glue_once(), "UpdateTable") as sent:
        publish(commit("w2", file("w2", "b")), base)
    assert sent == ["UpdateTable"]
    assert rows() == TWO


def test_a_commit_that_landed_and_was_built_upon_by_another_is_kept(base: int) -> None:
    def another() -> None:
        publish(commit("w3", file("w3", "c")), lake_tables.snapshot_id(lake_tables.load("curated", "sales")))

    with lost(aws.glue_once(), "UpdateTable", then=another):
        publish(commit("w2", file("w2", "b")), base)
    assert rows() == [*TWO, {"order_id": "c"}]


def test_a_commit_that_did_not_reach_glue_is_tried_again_by_whoever_asked(base: int) -> None:
    made = commit("w2", file("w2", "b"))
    with (
        lost(aws.glue_once(), "UpdateTable", executed=False),
        pytest.raises(Uncertain, match=r"curated\.sales: .* may have succeeded.* Run it again"),
    ):
        publish(made, base)
    assert rows() == ONE
    publish(made, base)
    assert rows() == TWO


def test_a_commit_that_lands_after_it_was_given_up_is_found(base: int) -> None:
    """Held on its way for longer than anybody waited: its manifests must still be there, and it must not be doubled."""
    held: list[Any] = []
    client, event = aws.glue_once(), "before-send.glue.UpdateTable"

    def hold(request: Any, **_: Any) -> None:
        held.append(request)
        raise cut_off(request)

    client.meta.events.register_first(event, hold)
    made = commit("w2", file("w2", "b"))
    try:
        with pytest.raises(Uncertain):
            publish(made, base)
    finally:
        client.meta.events.unregister(event, hold)
    deliver(held[0])
    assert rows() == TWO
    publish(made, base)
    assert rows() == TWO


def test_a_commit_that_lands_while_it_is_repeated_is_found(base: int) -> None:
    """The late one is faster than its repetition, which is then refused: that is no other run."""
    held: list[Any] = []
    client, event = aws.glue_once(), "before-send.glue.UpdateTable"

    def first_held_then_faster(request: Any, **_: Any) -> None:
        held.append(request)
        if len(held) == 1:
            raise cut_off(request)
        deliver(held[0])

    client.meta.events.register_first(event, first_held_then_faster)
    made = commit("w2", file("w2", "b"))
    try:
        with pytest.raises(Uncertain):
            publish(made, base)
        publish(made, base)
    finally:
        client.meta.events.unregister(event, first_held_then_faster)
    assert rows() == TWO


def test_a_lost_commit_that_another_one_has_overtaken_never_lands(base: int) -> None:
    def another() -> None:
        publish(commit("w3", file("w3", "c")), base)

    with lost(aws.glue_once(), "UpdateTable", executed=False, then=another), pytest.raises(StaleResult):
        publish(commit("w2", file("w2", "b")), base)
    assert rows() == [{"order_id": "a"}, {"order_id": "c"}]


def test_a_table_whose_creation_was_not_answered_is_the_one_that_is_used() -> None:
    with lost(aws.glue(), "CreateTable") as sent:
        publish(commit("w1", file("w1", "a")), None)
    assert sent == ["CreateTable", "CreateTable"]
    assert rows() == ONE


def test_an_amendment_whose_answer_was_lost_is_made_once() -> None:
    place = "s3://highwater-lake/quarantine/sales"
    added = (put("quarantine/sales/data/w1/jr_1/a.parquet", raw_date=[date(2025, 1, 1)], order_id=["a"]),)

    def change(live: list[str]) -> Commit:
        return commit("w1", added, tuple(live))

    for _ in range(2):  # as a run that is repeated does: the same files are in already
        with lost(aws.glue_once(), "UpdateTable", times=3):
            lake_commits.amend("quarantine", "sales", place, change)
    assert [row["order_id"] for row in rows("quarantine")] == ["a"]
    table = lake_tables.load("quarantine", "sales")
    assert table
    assert len(table.snapshots()) == 1
