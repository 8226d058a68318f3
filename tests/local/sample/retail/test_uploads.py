"""The sample of partners' files is what it says it is, and the platform reads it as it says."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from local.sample.retail import Totals, Upload, totals, uploads
from local.sample.retail.__main__ import main
from tasks.errors import DataError
from tasks.inbox.ending import Ended, ended
from tasks.inbox.file_name import recognised
from tasks.inbox.judging import Judged, judge
from tasks.inbox.settling import LOADED, REFUSED, UNCHANGED, settle
from tasks.inbox.waiting import Version

UPLOADS = uploads(seed=1, days=7)
FIGURES = ("records", "header_lines", "rows_loaded", "rows_quarantined", "blank_lines")


def judged(upload: Upload, number: int, scratch: Path) -> Judged:
    received_at = datetime(2025, 2, 1, tzinfo=UTC) + timedelta(seconds=number)
    version = Version(upload.key, f"v{number}", received_at, len(upload.body))
    try:
        name = recognised(upload.key)
    except DataError as error:
        return Judged(version, None, refusal=str(error))
    file = scratch / version.load_id
    file.write_bytes(upload.body)
    return judge(version, name, file, scratch, broken_rate_max=0.05)


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> list[Ended]:
    scratch = tmp_path_factory.mktemp("sample")
    files = [judged(upload, number, scratch) for number, upload in enumerate(UPLOADS)]
    settled = settle([file for file in files if not file.refusal], [])
    again = {id(file) for file, _ in settled.unchanged}
    return [
        ended(file, REFUSED if file.refusal else UNCHANGED if id(file) in again else LOADED) for file in files
    ]


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert uploads(seed=1, days=7) == UPLOADS
    assert [each.body for each in uploads(seed=2)] != [each.body for each in UPLOADS]


def test_it_is_small_and_has_every_end() -> None:
    assert Counter(each.expected.status for each in UPLOADS) == {"loaded": 21, "refused": 3, "unchanged": 1}
    assert sum(each.expected.rows_loaded or 0 for each in UPLOADS) < 20_000
    assert [each.wave for each in UPLOADS] == sorted(each.wave for each in UPLOADS)
    assert len({(each.key, each.wave) for each in UPLOADS}) == len(UPLOADS)


def test_each_file_ends_as_it_says(ends: list[Ended]) -> None:
    found = [(end.version.key, end.status, *(end.figures.get(figure) for figure in FIGURES)) for end in ends]
    assert found == [
        (each.key, each.expected.status, *(getattr(each.expected, figure) for figure in FIGURES))
        for each in UPLOADS
    ]


def test_broken_rows_have_several_reasons(ends: list[Ended]) -> None:
    reasons = sum((Counter(end.judged.reasons) for end in ends if end.status == LOADED), Counter())
    assert set(reasons) == {
        "5 fields where 6 are expected",
        "6 fields where 7 are expected",
        "amount:type",
        "transaction_id:missing",
        "transaction_time:type",
    }


def test_the_totals_are_those_of_the_rows_that_were_read(ends: list[Ended]) -> None:
    newest: dict[tuple[str, str], tuple[Any, ...]] = {}
    stores: set[str] = set()
    for place, end in enumerate(ends):
        if end.status != LOADED:
            continue
        assert end.judged.name is not None
        for row in _rows(end.judged):
            if end.judged.kind == "stores":
                stores.add(row["store_token"])
                continue
            version = (end.judged.name.batch_date, place, row["line_number"], row["amount"])
            key = row["store_token"], row["transaction_id"]
            newest[key] = max(newest.get(key, version), version)
    amounts = [version[-1] for version in newest.values()]
    assert totals(UPLOADS) == Totals(
        stores=len(stores),
        transactions=len(amounts),
        amount=sum(amounts),
        returns_amount=sum((amount for amount in amounts if amount < 0), Decimal(0)),
        nameless=0,
    )


def test_the_sales_of_the_last_store_come_before_it() -> None:
    first = totals([each for each in UPLOADS if each.wave == 1])
    assert (first.stores, totals(UPLOADS).stores) == (29, 30)
    assert 0 < first.nameless < 400


def test_files_are_written_in_waves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), "--days", "3", "--seed", "5"]) == 0
    found = {
        str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()
    }
    assert found == {f"wave-{each.wave}/{each.key}": each.body for each in uploads(seed=5, days=3)}
    assert "30 stores" in capsys.readouterr().out


def test_two_days_are_too_few() -> None:
    with pytest.raises(ValueError, match="2 days are too few"):
        uploads(days=2)


def _rows(judged: Judged) -> list[dict[str, Any]]:
    return [row for table in judged.rows.tables() for row in table.to_pylist()] if judged.rows else []
