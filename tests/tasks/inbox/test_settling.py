"""What becomes of files, by content and arrival."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tasks.inbox.file_name import FileName
from tasks.inbox.judging import Judged
from tasks.inbox.settling import LOADED, UNCHANGED, Settled, settle
from tasks.inbox.waiting import Arrival, Version
from warehouse.load.retail.files import InboxFile

START = datetime(2025, 1, 11, 8, tzinfo=UTC)


def file(key: str, content: str, minute: int, day: int = 11, kind: str = "sales") -> Judged:
    version = Version(key, f"{key}@{minute}", START + timedelta(minutes=minute), 1)
    return Judged(version, FileName(kind, date(2025, 1, day)), f"hash of {content}", content)


def known(settled: Settled, before: Sequence[InboxFile] = ()) -> list[InboxFile]:
    """What MONITORING.INBOX_FILES knows afterwards."""
    ends = [(each, LOADED) for each in settled.loaded] + [(each, UNCHANGED) for each, _ in settled.unchanged]
    return [*before, *(_entry(each, status) for each, status in ends)]


def _entry(judged: Judged, status: str) -> InboxFile:
    assert judged.name is not None
    return InboxFile(
        source_file=judged.version.key,
        version_id=judged.version.version_id,
        status=status,
        kind=judged.name.kind,
        content_hash=judged.content_hash,
        batch_date=judged.name.batch_date,
        received_at=judged.version.received_at,
        run_id="r",
        load_id=judged.version.load_id,
        rows_quarantined=0,
        contract_version="1.0.0",
    )


def outcome(settled: Settled) -> tuple[list[str], list[str]]:
    return [each.version.version_id for each in settled.loaded], [
        each.version.version_id for each, _ in settled.unchanged
    ]


def test_the_same_content_loads_once_under_whatever_name() -> None:
    files = [file("a", "A", 1), file("a", "A", 2), file("b", "A", 3), file("c", "C", 4)]
    assert outcome(settle(files, [])) == (["a@1", "c@4"], ["a@2", "b@3"])


def test_a_correction_taken_back_loads_again() -> None:
    assert outcome(settle([file("a", "A", 1), file("a", "B", 2), file("a", "A", 3)], [])) == (
        ["a@1", "a@2", "a@3"],
        [],
    )


def test_decisions_are_the_same_one_file_at_a_time() -> None:
    files = [file("a", "A", 1), file("a", "B", 2), file("b", "B", 3), file("a", "A", 4), file("a", "A", 5)]
    whole = settle(files, [])
    entries: list[InboxFile] = []
    for each in files:
        entries = known(settle([each], entries), entries)
    assert [entry.version_id for entry in entries if entry.status == LOADED] == outcome(whole)[0]
    assert outcome(whole) == (["a@1", "a@2", "a@4"], ["b@3", "a@5"])


def test_what_another_run_settled_stays_as_it_is() -> None:
    first = file("a", "A", 1)
    entries = known(settle([first], []))
    again = settle([first, file("b", "B", 2)], entries)
    assert outcome(again) == (["b@2"], [])
    assert [entry.version_id for _, entry in again.already] == ["a@1"]


def test_content_that_comes_again_takes_the_later_batch_date() -> None:
    first = file("a", "A", 1, day=11)
    entries = known(settle([first], []))
    later = settle([file("b", "A", 2, day=13)], entries)
    assert later.versions == {first.version.load_id: (date(2025, 1, 13), first.version.arrival)}
    entries = known(later, entries)
    assert settle([file("c", "A", 3, day=12)], entries).versions == {}
    within = settle([first, file("b", "A", 2, day=13)], [])
    assert within.versions == later.versions


def test_content_that_came_earlier_under_another_name_gives_its_arrival() -> None:
    late = file("z", "A", 9)
    entries = known(settle([late], []))
    early_file = file("a", "A", 1)
    early = settle([early_file], entries)
    assert outcome(early) == ([], ["a@1"])
    assert early.versions == {late.version.load_id: (date(2025, 1, 11), early_file.version.arrival)}


def test_rows_that_an_older_contract_refused_are_judged_again() -> None:
    entries = known(settle([file("a", "A", 1)], []))
    older = [replace(entries[0], rows_quarantined=3, contract_version="0.9.0")]
    assert outcome(settle([file("a", "A", 2)], older)) == (["a@2"], [])
    assert outcome(settle([file("a", "A", 2)], [replace(older[0], contract_version="1.0.0")]))[1] == ["a@2"]


def test_the_same_bytes_of_another_kind_are_another_content() -> None:
    assert outcome(settle([file("a", "A", 1), file("b", "A", 2, kind="stores")], [])) == (["a@1", "b@2"], [])


def test_a_content_in_a_run_of_its_own_gives_way_to_the_order_of_arrival() -> None:
    """Whichever is processed first, the second A takes the correction B back."""
    first, correction, back = file("a", "A", 1), file("a", "B", 2), file("a", "A", 3)
    entries = known(settle([first, back], []))
    assert [entry.status for entry in entries] == [LOADED, UNCHANGED]
    late = settle([correction], entries)
    assert late.versions == {
        first.version.load_id: (date(2025, 1, 11), back.version.arrival),
        correction.version.load_id: (date(2025, 1, 11), correction.version.arrival),
    }


DAYS = {"a": 11, "b": 12, "c": 13}
FILES = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("ABC")), min_size=1, max_size=8).map(
    lambda given_: [file(key, content, minute, DAYS[key]) for minute, (key, content) in enumerate(given_)]
)


def newest_versions(files: Sequence[Judged]) -> dict[str, tuple[date, Arrival]]:
    """The greatest version of each content's rows, if each file is processed when it arrives."""
    loads: list[Judged] = []
    for each in files:
        own = [load for load in loads if load.version.key == each.version.key]
        is_newest = own[-1:] != [] and own[-1].content_hash == each.content_hash
        if not is_newest and not any(
            load.content_hash == each.content_hash for load in loads if load not in own
        ):
            loads.append(each)
    latest = {
        load.content_hash: max(
            DAYS[each.version.key] for each in files if each.content_hash == load.content_hash
        )
        for load in loads
    }
    return {
        load.content_hash: (date(2025, 1, latest[load.content_hash]), load.version.arrival) for load in loads
    }


@given(FILES, st.randoms(use_true_random=False), st.booleans())
def test_versions_do_not_depend_on_the_order_or_the_runs(
    files: list[Judged], pick: Random, is_in_order: bool
) -> None:
    left = files if is_in_order else pick.sample(files, len(files))
    entries: list[InboxFile] = []
    versions: dict[str, tuple[date, Arrival]] = {}
    while left:
        size = pick.randint(1, len(left))
        settled = settle(left[:size], entries)
        entries, left = known(settled, entries), left[size:]
        versions |= settled.versions
    contents = {each.version.load_id: each.content_hash for each in files}
    found: dict[str, tuple[date, Arrival]] = {}
    for load_id, version in versions.items():
        content = contents[load_id]
        found[content] = max(version, found.get(content, version))
    assert found == newest_versions(files)
