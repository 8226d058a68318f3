"""Expiry: nothing goes that the warehouse has yet to load, and what publications said is found for ever."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tasks.errors import SystemFault, TransientError
from tasks.intake import truncation
from tasks.lake import lake_commits, lake_log
from tasks.maintenance import compaction, expiry
from tasks.maintenance.compaction import Sizes
from tasks.maintenance.expiry import Expiry, Head, Rule
from tests.tasks.maintenance.lake import DAY, LATER, NOW, days, files, ids, keys, publish, rows, table

OLD = Rule(keep_days=30, keep_snapshots=2)


def expire(head: Head | None, rule: Rule = OLD) -> Expiry:
    return expiry.expire(table(), rule, head, LATER)


def test_what_the_warehouse_has_yet_to_load_stays_with_the_head(empty_lake: None) -> None:
    made = days(8)
    done = expire(Head(made[3]))
    assert done.expired == tuple(made[:3])
    assert done.kept == {expiry.CURRENT: 1, expiry.TO_LOAD: 4}
    assert ids() == made[3:]
    assert [p.snapshot_id for p in lake_log.log_after(table(), made[3])] == made[4:]


@pytest.mark.parametrize("head", [Head(None), Head(4711)])
def test_nothing_goes_where_nothing_was_loaded_or_another_log(empty_lake: None, head: Head) -> None:
    made = days(5)
    before = keys()
    assert expire(head).expired == ()
    assert ids() == made
    assert keys() == before


def test_the_young_and_the_newest_few_stay(empty_lake: None) -> None:
    made = days(6)
    assert expiry.expire(table(), OLD, Head(made[-1]), NOW).expired == ()
    assert expire(Head(made[-1]), Rule(30, 4)).expired == tuple(made[:2])
    assert expire(Head(made[-1]), Rule(1, 1)).expired == tuple(made[2:5])
    assert ids() == made[-1:]


def test_a_table_that_no_warehouse_loads_goes_by_age_alone(empty_lake: None) -> None:
    made = days(5)
    assert expire(None).expired == tuple(made[:3])


def test_what_publications_said_is_found_after_two_expiries(empty_lake: None) -> None:
    document = json.dumps({"columns": [["sku_code"]], "dates": {DAY.isoformat(): [7, 0]}})
    publish("first", DAY, "x", snapshots=document, sightings="s3://highwater-lake/q1")
    publish("second", DAY + timedelta(days=1), "y", sightings="s3://highwater-lake/q2")
    made = days(4, first=10)
    before, dates = lake_log.notes_of(table()), lake_log.processed_raw_dates(table())
    (everything,) = lake_log.log_after(table(), None)
    for rule in (Rule(1, 5), Rule(1, 2)):
        assert expire(Head(made[-1]), rule).expired
        assert lake_log.notes_of(table()) == before
        assert lake_log.processed_raw_dates(table()) == dates
        assert lake_log.last_notes(table())["work"] == "w13"
    assert truncation.noted(lake_log.notes_of(table()))[DAY].rows == 7
    (afterwards,) = lake_log.log_after(table(), None)
    assert afterwards == everything
    assert afterwards.notes["sightings"] == "s3://highwater-lake/q1,s3://highwater-lake/q2"


def test_a_whole_load_after_our_expiry_is_no_cut_off_log(
    empty_lake: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[object] = []
    monkeypatch.setattr(lake_log, "_say_what_expired", lambda *given: said.append(given))
    made = days(5)
    expire(Head(made[-1]))
    assert len(next(lake_log.log_after(table(), None)).files) == 5
    assert said == []
    table().maintenance.expire_snapshots().by_ids(
        ids()[:1]
    ).commit()  # by somebody else: nothing was written down
    next(lake_log.log_after(table(), None))
    assert len(said) == 1


def test_a_load_that_is_behind_an_expiry_is_not_passed_over(empty_lake: None) -> None:
    made = days(5)
    expire(Head(made[-1]))
    with pytest.raises(SystemFault, match=f"snapshot {made[0]}, the last that the warehouse holds"):
        list(lake_log.log_after(table(), made[0]))


def test_the_newest_publication_stays_behind_a_compaction(empty_lake: None) -> None:
    made = days(3)
    assert compaction.compact(table(), "run", Sizes(fewest=2)).files_before == 3
    assert expire(Head(made[-1]), Rule(1, 1)).expired == tuple(made[:2])
    assert expire(None, Rule(1, 1)).expired == ()
    assert lake_log.publication_id(table()) == made[-1]
    assert lake_log.last_notes(table())["work"] == "w2"


def test_snapshots_beside_the_log_go_when_they_are_old_and_tags_stay(empty_lake: None) -> None:
    made = days(3)
    table().manage_snapshots().rollback_to_snapshot(made[1]).commit()
    (fourth,) = days(1, first=7)
    table().manage_snapshots().create_tag(made[0], "audit").commit()
    assert expiry.expire(table(), OLD, Head(fourth), NOW).expired == ()
    assert expire(Head(made[2])).expired == ()  # the warehouse still holds what was rolled back
    assert expire(Head(fourth), Rule(1, 1)).expired == (made[1], made[2])
    assert {s.snapshot_id for s in table().snapshots()} == {made[0], fourth}
    assert [notes["work"] for notes in lake_log.notes_of(table())] == ["w0", "w1", "w7"]


def test_an_expiry_that_was_decided_on_another_state_is_refused(empty_lake: None) -> None:
    made = days(4)
    opened = table()
    days(1, first=9)
    with pytest.raises(TransientError, match=r"expiring snapshots of curated\.sales"):
        lake_commits.expire(opened, made[:2], None)
    assert ids()[:4] == made


def test_a_publication_that_was_computed_before_goes_in_after(empty_lake: None) -> None:
    made = days(5)
    before, kept = rows(), files()
    expire(Head(made[-1]))
    assert (rows(), files()) == (before, kept)
    late = publish("late", DAY, "z")
    assert [p.snapshot_id for p in lake_log.log_after(table(), made[-1])] == [late]
