"""A day's files judged by their contracts: rows as they are staged, rejects with their places, figures that add up."""

from __future__ import annotations

import gzip
import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tasks.hashes import keyed_hash, surrogate_key
from tasks.marketing.deliveries import deliveries
from tasks.marketing.forms import CUSTOMERS, EVENTS
from tasks.marketing.reading import Judged, read
from tasks.services import objects

DAY = date(2025, 1, 10)
KEY = b"k" * 32
CSV = "raw/marketing/demographics/year=2025/month=01/day=10/"
JSON = "raw/marketing/clickstream/year=2025/month=01/day=10/"
HEADER = "customer_id,first_name,last_name,email,region,signup_date"

pytestmark = pytest.mark.usefixtures("account")


def put(key: str, content: str | bytes) -> None:
    objects.write(f"s3://highwater-lake/{key}", content.encode() if isinstance(content, str) else content)


def customers(tmp_path: Path) -> Judged:
    return read(CUSTOMERS, deliveries(DAY).customers, DAY, "run-1", KEY, tmp_path)


def events(tmp_path: Path) -> Judged:
    return read(EVENTS, deliveries(DAY).events, DAY, "run-1", b"", tmp_path)


def rows(judged: Judged) -> list[dict[str, Any]]:
    return pq.read_table(judged.rows_file).to_pylist()  # type: ignore[no-any-return]


def rejects(judged: Judged) -> list[tuple[Any, ...]]:
    found = pq.read_table(judged.rejects.path).to_pylist()
    return [
        (
            row["source_file"].rpartition("/")[2],
            row["line_number"],
            row["byte_offset"],
            row["raw_line"],
            row["reasons"],
        )
        for row in found
    ]


def test_a_customer_is_staged_with_key_and_hash(tmp_path: Path) -> None:
    put(
        f"{CSV}all.csv",
        f"{HEADER},extra\n 007 ,Asha,Rao,Asha@Example.com,North,2024-02-29,x\n8,,,,,31/12/2024,\n",
    )
    judged = customers(tmp_path)
    first, second = rows(judged)
    assert first == {
        "customer_id": "007",
        "first_name": "Asha",
        "last_name": "Rao",
        "email": "Asha@Example.com",
        "region": "North",
        "signup_date": date(2024, 2, 29),
        "customer_key": surrogate_key("007"),
        "email_hash": keyed_hash("asha@example.com", KEY),
        "snapshot_date": DAY,
        "source_file": f"{CSV}all.csv",
        "line_number": 2,
        "run_id": "run-1",
    }
    assert (second["email_hash"], second["signup_date"]) == (None, None)
    assert (judged.nulls["email"], judged.nulls["signup_date"], judged.uncast) == (1, 1, {"signup_date": 1})


def test_the_later_line_of_a_customer_is_quarantined_within_a_file_and_across_files(tmp_path: Path) -> None:
    first = f"{HEADER}\nc1,A,,,,\nc2,B,,,,\n c1,C,,secret@example.com,,\n,D,,,,\n\n"
    second = f"{HEADER}\nc3,E,,,,\nc2,F,,,,\nc4,G\n"
    put(f"{CSV}a.csv", first)
    put(f"{CSV}b.csv.gz", gzip.compress(second.encode()))
    customers(tmp_path)  # a step that is retried has the same folder
    judged = customers(tmp_path)
    assert rejects(judged) == [
        ("a.csv", 5, first.index(",D"), ",D,,,,", "customer_id:missing"),
        ("a.csv", 4, first.index(" c1"), " c1,C,,secret@example.com,,", "customer_id:repeated"),
        ("b.csv.gz", 4, second.index("c4"), "c4,G", "2 fields where 6 are expected"),
        ("b.csv.gz", 3, second.index("c2"), "c2,F,,,,", "customer_id:repeated"),
    ]
    assert [(f.records, f.header_lines, f.rows, f.quarantined, f.blank_lines) for f in judged.files] == [
        (6, 1, 2, 2, 1),
        (4, 1, 1, 2, 0),
    ]
    assert all(file.balances for file in judged.files)
    assert (judged.raw, judged.rows, judged.staged, judged.repeated, judged.quarantined) == (7, 3, 5, 2, 4)


def test_events_of_lines_and_arrays(tmp_path: Path) -> None:
    good = {"event_id": 12, "user_id": "007", "event_type": "view", "timestamp": "2025-01-10T01:00:00+05:30"}
    late = good | {"event_id": "e2", "user_id": None, "properties": {"b": 1, "a": [2]}, "duration_ms": "7"}
    wrong = good | {"event_id": "é3", "timestamp": "yesterday"}
    put(f"{JSON}a.jsonl", "\n".join([json.dumps(good), '{"event_id":', json.dumps(wrong), ""]))
    put(f"{JSON}b.json.gz", gzip.compress(json.dumps([wrong, late], ensure_ascii=False).encode("utf-16")))
    put(f"{JSON}_SUCCESS", "")
    put(f"{JSON}notes.txt", "x")
    judged = events(tmp_path)
    first, second = rows(judged)
    assert (first["event_id"], first["timestamp"]) == ("12", datetime(2025, 1, 9, 19, 30))
    assert (first["customer_key"], first["source_date"]) == (surrogate_key("007"), DAY)
    assert (second["customer_key"], second["duration_ms"], second["properties"]) == (
        None,
        7,
        '{"a":[2],"b":1}',
    )
    found = rejects(judged)
    assert [(name, line) for name, line, *_ in found] == [
        ("a.jsonl", 2),
        ("a.jsonl", 3),
        ("b.json.gz", 1),
    ]
    assert [reasons.split(":")[0] for *_, reasons in found] == ["not JSON", "timestamp", "timestamp"]
    assert [json.loads(raw)["event_id"] for *_, raw, _ in found[1:]] == ["é3", "é3"]
    assert found[1][2] == len(json.dumps(good)) + 1 + len('{"event_id":') + 1
    assert deliveries(DAY).strange == (f"{JSON}notes.txt",)


def test_a_file_that_cannot_be_read_is_refused_and_the_others_are_read(tmp_path: Path) -> None:
    put(f"{CSV}a.csv", "customer_id,first_name,last_name\nc1,A,B\n")
    put(f"{CSV}b.csv", f"{HEADER}\nc1,A,,,,\n")
    judged = customers(tmp_path)
    (refusal,) = judged.refusals
    assert refusal.startswith(
        f"{CSV}a.csv: the header (record 1) lacks the column(s) email, region, signup_date"
    )
    assert judged.rows == 1


def test_a_refusal_does_not_quote_a_row_that_became_part_of_the_header(tmp_path: Path) -> None:
    put(f"{CSV}a.csv", f"{HEADER}c1,Asha,Rao,asha@example.com,North,2024-01-01\nc2,A,B,,,\n")
    (refusal,) = customers(tmp_path).refusals
    assert "lacks the column(s) signup_date" in refusal
    assert "asha" not in refusal.lower()


def test_no_reason_repeats_what_a_row_says(tmp_path: Path) -> None:
    put(f"{CSV}a.csv", f'{HEADER}\n,Asha,Rao,asha@example.com,North,x\nc2,"Asha,asha@example.com,North,x\n')
    put(
        f"{JSON}a.json",
        '{"event_id":"asha@example.com","event_type":{"a":"asha@example.com"}}\n{"asha@example.com"}\n',
    )
    told = [*customers(tmp_path).rejects.reasons, *events(tmp_path).rejects.reasons]
    assert told
    assert "asha" not in " ".join(told).lower()
