"""A file judged by its contract: rows, broken rows with their text, and figures that add up."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tasks.inbox import spool
from tasks.inbox.file_name import FileName
from tasks.inbox.judging import Judged, judge
from tasks.inbox.waiting import Version

KEY = "inbox/sales_20250111.csv"
VERSION = Version(KEY, "v1", datetime(2025, 1, 11, 8, tzinfo=UTC), 10)
SALES = FileName("sales", date(2025, 1, 11))
HEADER = "store_token,transaction_id,receipt_token,transaction_time,amount,user_role"
GOOD = "S1,T{},R1,2025-01-11T10:00:00+05:30,-1.50,cashier"


def judged(tmp_path: Path, content: str | bytes, limit: float = 0.05, name: FileName = SALES) -> Judged:
    file = tmp_path / "downloaded"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    found = judge(VERSION, name, file, tmp_path, limit)
    if found.refusal is None:
        figures = found.found
        assert figures["records"] == (
            figures["header_lines"] + found.rows_loaded + found.rows_rejected + figures["blank_lines"]
        )
    return found


def rows(file: Judged) -> list[dict[str, Any]]:
    assert file.rows is not None
    return [row for table in file.rows.tables() for row in table.to_pylist()]


def rejects(file: Judged) -> list[tuple[int, int, str, str]]:
    assert file.rejects is not None
    return [
        (row["line_number"], row["byte_offset"], row["raw_line"], row["reasons"])
        for table in file.rejects.tables()
        for row in table.to_pylist()
    ]


def test_rows_have_the_contract_s_types(tmp_path: Path) -> None:
    file = judged(tmp_path, f"{HEADER}\n{GOOD.format(1)}\n\n 0012 , 1E5 ,NA,2025-01-11 10:00:00.5Z, 2 ,\n")
    assert rows(file) == [
        {
            "store_token": "S1",
            "transaction_id": "T1",
            "receipt_token": "R1",
            "transaction_time": datetime(2025, 1, 11, 4, 30),
            "amount": Decimal("-1.50"),
            "user_role": "cashier",
            "line_number": 2,
            "load_id": VERSION.load_id,
        },
        {
            "store_token": "0012",
            "transaction_id": "1E5",
            "receipt_token": "NA",
            "transaction_time": datetime(2025, 1, 11, 10, 0, 0, 500_000),
            "amount": Decimal("2.00"),
            "user_role": None,
            "line_number": 4,
            "load_id": VERSION.load_id,
        },
    ]
    assert (file.found["header_lines"], file.found["blank_lines"], file.found["encoding"]) == (1, 1, "utf-8")


def test_broken_rows_keep_their_place_their_text_and_every_reason(tmp_path: Path) -> None:
    broken = [
        "S1,T,R1,2025-01-11,1.50,x",
        ",T,R1,2025-01-11T10:00:00Z,1.505,x",
        "S9,T,R1",
        "S1,T,R1,2025-01-11T10:00:00Z,1e3,x",
    ]
    lines = [HEADER, *broken[:2], GOOD.format(1), *broken[2:], GOOD.format(2)]
    file = judged(tmp_path, "\n".join(lines) + "\n", limit=0.9)
    assert [row["transaction_id"] for row in rows(file)] == ["T1", "T2"]
    offset = {line: "\n".join(lines).index(line) for line in broken}
    assert sorted(rejects(file)) == [
        (2, offset[broken[0]], broken[0], "transaction_time:type"),
        (3, offset[broken[1]], broken[1], "amount:type, store_token:missing"),
        (5, offset[broken[2]], broken[2], "3 fields where 6 are expected"),
        (6, offset[broken[3]], broken[3], "amount:type"),
    ]


def test_more_broken_rows_than_the_limit_refuse_the_whole_file(tmp_path: Path) -> None:
    lines = [HEADER, *(GOOD.format(number) for number in range(19)), "S1,T,R1,2025-01-11,1.50,x", ""]
    assert judged(tmp_path, "\n".join(lines)).refusal is None
    del lines[1]
    file = judged(tmp_path, "\n".join(lines))
    assert file.refusal == (
        f"{KEY}: 1 of 19 rows are broken (transaction_time:type 1 times), more than 5%: the whole file is refused. "
        "Correct it and upload it again."
    )
    assert (file.rows_loaded, file.rows_rejected) == (0, 0)
    assert [dict(each) for each in file.examples] == [
        {
            "record_number": 20,
            "line_number": 20,
            "byte_offset": len("\n".join(lines[:-2])) + 1,
            "raw_line": "S1,T,R1,2025-01-11,1.50,x",
            "reasons": "transaction_time:type",
        }
    ]


def test_a_header_alone_loads_nothing_and_an_empty_file_is_refused(tmp_path: Path) -> None:
    alone = judged(tmp_path, HEADER + "\n")
    assert (alone.refusal, alone.rows_loaded, alone.found["records"]) == (None, 0, 1)
    empty = judged(tmp_path, "")
    assert empty.refusal is not None
    assert f"{KEY}: the file is empty" in empty.refusal


def test_content_is_the_same_however_it_is_packed(tmp_path: Path) -> None:
    content = f"{HEADER}\n{GOOD.format(1)}\n".encode()
    plain, packed = judged(tmp_path, content), judged(tmp_path, gzip.compress(content))
    assert plain.content_hash == packed.content_hash == plain.file_hash != packed.file_hash
    assert rows(plain) == rows(packed)


def test_a_damaged_archive_is_refused_by_the_name_that_people_know(tmp_path: Path) -> None:
    packed = gzip.compress(f"{HEADER}\n{GOOD.format(1)}\n".encode() * 50)
    refused = judged(tmp_path, packed[: len(packed) // 2]).refusal
    assert refused is not None
    assert refused.startswith(f"{KEY}: the gzip is cut off")


def test_a_file_too_large_for_memory_is_judged_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [HEADER, *(GOOD.format(number) for number in range(1000)), *["S1,T"] * 40, ""]
    small = judged(tmp_path, "\n".join(lines))
    expected, expected_rejects = rows(small), rejects(small)
    monkeypatch.setattr(spool, "IN_MEMORY_BYTES", 1)
    large = judged(tmp_path, "\n".join(lines))
    assert large.rows is not None
    assert large.rows.file is not None
    assert large.rows.file.exists()
    assert (rows(large), rejects(large)) == (expected, expected_rejects)


def test_stores_need_no_header(tmp_path: Path) -> None:
    file = judged(tmp_path, "G1|S1|Café\n|S2|Bar\n", name=FileName("stores", date(2025, 1, 11)))
    assert [(row["store_group"], row["store_token"], row["store_name"]) for row in rows(file)] == [
        ("G1", "S1", "Café"),
        (None, "S2", "Bar"),
    ]
