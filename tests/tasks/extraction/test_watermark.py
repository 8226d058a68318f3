"""A watermark moves by its lease's holder alone, once per change, whatever becomes of the answers."""

from __future__ import annotations

import pytest

from local import resources
from local.aws_resources import create_table
from tasks.extraction import watermark
from tasks.extraction.watermark import EntityBusy, Position, Watermark
from tasks.leases import rows
from tasks.leases.lease import LeaseLost
from tasks.services import aws
from tests.tasks.lost_answers import lost

AT = Position("2026-01-01 00:00:00", "2026-01-02 00:00:00", "2026-01-01 08:00:00", ("o1", "2"), 3)


@pytest.fixture
def table(account: None) -> None:
    create_table(aws.dynamodb(), resources.WATERMARKS)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, to be moved by a test."""
    time = [1_000_000.0]
    monkeypatch.setattr(rows, "now", lambda: time[0])
    monkeypatch.setattr(watermark, "now", lambda: time[0])
    return time


def claim(run: str) -> Watermark:
    return watermark.claim("shop", "orders", run)


def test_a_watermark_that_was_never_written_has_no_value(table: None) -> None:
    assert watermark.read("shop", "orders") == Watermark("shop", "orders")


def test_it_is_advanced_and_read_back_with_its_position_and_history(table: None) -> None:
    held = watermark.advance(claim("a"), "2026-01-01", AT, "a", "scan")
    held = watermark.advance(held, "2026-01-02", None, "a", "scan")
    watermark.release(held)
    found = watermark.read("shop", "orders")
    assert (found.value, found.position, found.version, found.fencing_token) == ("2026-01-02", None, 2, 1)
    assert [(each["from"], each["to"], each["why"]) for each in found.history] == [
        (None, "2026-01-01", "scan"),
        ("2026-01-01", "2026-01-02", "scan"),
    ]


def test_a_position_is_kept_while_the_value_stays(table: None) -> None:
    held = watermark.advance(claim("a"), None, AT, "a", "scan")
    assert watermark.read("shop", "orders").position == AT
    assert held.history == ()


def test_another_run_is_refused_while_the_lease_lasts(table: None, clock: list[float]) -> None:
    claim("a")
    with pytest.raises(EntityBusy, match=r"shop/orders is extracted by another run \(a@.*lasts 60 s"):
        claim("b")
    clock[0] += 61
    assert claim("b").fencing_token == 2


def test_a_holder_that_wakes_after_its_lease_moves_nothing(table: None, clock: list[float]) -> None:
    late = claim("a")
    clock[0] += 61
    new = claim("b")
    with pytest.raises(LeaseLost, match="another run has taken it over"):
        watermark.advance(late, "2026-01-09", None, "a", "scan")
    with pytest.raises(LeaseLost):
        watermark.renew(late)
    watermark.release(late)
    assert watermark.advance(new, "2026-01-02", None, "b", "scan").value == "2026-01-02"


def test_renewing_keeps_others_out(table: None, clock: list[float]) -> None:
    held = claim("a")
    clock[0] += 40
    watermark.renew(held)
    clock[0] += 40
    with pytest.raises(EntityBusy):
        claim("b")


def test_a_released_lease_is_free_at_once(table: None) -> None:
    watermark.release(claim("a"))
    assert claim("b").fencing_token == 2


def test_an_advance_whose_answer_is_lost_counts_once(table: None) -> None:
    held = claim("a")
    with lost(aws.dynamodb(), "UpdateItem"):
        held = watermark.advance(held, "2026-01-02", None, "a", "scan")
    assert (held.value, held.version, len(held.history)) == ("2026-01-02", 1, 1)
    assert watermark.advance(held, "2026-01-03", None, "a", "scan").version == 2


def test_a_claim_whose_answer_is_lost_is_ours(table: None) -> None:
    with lost(aws.dynamodb(), "UpdateItem"):
        held = claim("a")
    assert watermark.advance(held, "2026-01-02", None, "a", "scan").value == "2026-01-02"


def test_the_item_has_the_attributes_that_people_look_for(table: None) -> None:
    watermark.advance(claim("a"), "2026-01-01", AT, "a", "scan")
    (item,) = aws.dynamodb().scan(TableName="highwater-watermarks")["Items"]
    assert set(item) == {
        *("id", "pipeline", "entity", "value", "after_key", "version", "run_id", "fencing_token"),
        *("lease_holder", "lease_expires_at", "history"),
    }


def test_the_history_is_bounded(table: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watermark, "_HISTORY", 3)
    held = claim("a")
    for number in range(5):
        held = watermark.advance(held, f"{number}", None, "a", "scan")
    assert [each["to"] for each in held.history] == ["2", "3", "4"]
