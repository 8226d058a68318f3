"""Files of JSON objects: what is a row, what is a reject and where, what is refused."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.dialects.duckdb_sql import select
from contracts.marketing.clickstream import CLICKSTREAM
from tasks.delimited.reader import Reject
from tasks.errors import DataError
from tasks.json_lines import splitting
from tasks.json_lines.reader import opened

GOOD = '{"event_id":"e1","timestamp":"2025-01-10T00:00:00Z"}'
OTHER = '{"event_id":"e2"}'
Row = dict[str, Any]


def read(path: Path) -> tuple[list[Row], list[Reject], dict[str, Any]]:
    rows: list[Row] = []
    rejects: list[Reject] = []
    with opened(path, CLICKSTREAM.columns) as reading:
        for batch, rejected in reading.pieces():
            rows += batch.to_pylist()
            rejects += rejected
    found = reading.description()
    assert found["rows"] == len(rows)
    assert found["rejected_records"] == len(rejects)
    assert found["records"] == found["rows"] + found["rejected_records"] + found["blank_lines"]
    return rows, rejects, found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "clicks.json"


def ids(rows: list[Row]) -> list[str]:
    return [row["event_id"] for row in rows]


def test_values_are_texts_as_they_were_written(file: Path) -> None:
    event = (
        '{"event_id": 12, "user_id": "007", "event_type": true, "page_url": null, "duration_ms": 1.50,'
        ' "timestamp": 123456789012345678901234567890, "properties": {"b": [1e400, {"x": -0}], "a": "é"}, "more": 1}'
    )
    file.write_text(event)
    (row,), _, found = read(file)
    content_hash = row.pop("content_hash")
    assert row == {
        "event_id": "12",
        "user_id": "007",
        "event_type": "true",
        "page_url": None,
        "duration_ms": "1.50",
        "timestamp": "123456789012345678901234567890",
        "properties": '{"a":"é","b":[1e400,{"x":-0}]}',
        "record_number": 1,
        "line_number": 1,
        "byte_offset": 0,
    }
    assert len(content_hash) == 64
    assert found["extra_keys"] == ["more"]


def test_the_hash_is_of_the_canonical_json(file: Path) -> None:
    """It knows neither order nor spacing, and every key counts, also those that the contract does not know."""
    file.write_text(
        '{"event_id":"a","x":{"b":1,"a":"\\u00e9"}}\n{ "x" : {"a":"é", "b":1}, "event_id":"a"}\n{"event_id":"a","x":2}'
    )
    first, same, other = (row["content_hash"] for row in read(file)[0])
    assert first == same != other
    assert first == hashlib.sha256('{"event_id":"a","x":{"a":"é","b":1}}'.encode()).hexdigest()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"event_id":"e1"', "not JSON: Expecting ',' delimiter at character 17"),
        ('{"event_id":"e1",}', "not JSON: "),
        (GOOD + ",", "not JSON: Extra data at character 53"),
        (GOOD + OTHER, "not JSON: Extra data"),
        ("{'event_id':'e1'}", "not JSON: "),
        ('{"event_id":"e1","event_id":"e2"}', "a key twice in one object"),
        ('{"properties":{"a":[{"b":1,"\\u0062":2}]}}', "a key twice in one object"),
        ('{"duration_ms":NaN}', "NaN is no JSON"),
        ('{"duration_ms":-Infinity}', "-Infinity is no JSON"),
        ('{"duration_ms":012}', "not JSON: "),
        ('{"event_id":["e1"]}', "event_id:type"),
        ('{"page_url":"\\ud800"}', "half of a surrogate pair"),
        ('{"page_url":"a\tb"}', "not JSON: Invalid control character at"),
        *(
            ('{"properties":' + "[" * depth + "]" * depth + "}", "nested too deep")
            for depth in (600, 100_000)
        ),
        ("[1, 2]", "not an object"),
        ("null", "not an object"),
        ("\ufeff" + GOOD, "not JSON: "),
        ("rubbish", "not JSON: Expecting value at character 1"),
    ],
)
@pytest.mark.parametrize("place", [1, 2])
def test_a_malformed_line_is_a_reject_and_the_rest_is_read(
    file: Path, line: str, reason: str, place: int
) -> None:
    lines = [GOOD, OTHER]
    lines.insert(place, line)
    file.write_bytes("\r\n".join(lines).encode())
    rows, (reject,), found = read(file)
    number = lines.index(line)
    assert ids(rows) == ["e1", "e2"]
    assert reject[:3] == (number + 1, number + 1, sum(len(each.encode()) + 2 for each in lines[:number]))
    assert reject.raw == line
    assert reject.reason.startswith(reason)
    assert found["layout"] == "lines"


@pytest.mark.parametrize("line", ["rubbish", "[rubbish", '{"event_id":', "12"])
def test_a_first_line_that_is_malformed_makes_no_array_of_the_file(file: Path, line: str) -> None:
    file.write_text(f"{line}\n{GOOD}\n{OTHER}\n")
    rows, (reject,), _ = read(file)
    assert ids(rows) == ["e1", "e2"]
    assert reject[:4] == (1, 1, 0, line)


def test_bytes_that_are_not_utf8_are_a_reject(file: Path) -> None:
    file.write_bytes(GOOD.encode() + b'\n{"event_id":"caf\xe9"}\n' + OTHER.encode())
    rows, (reject,), _ = read(file)
    assert ids(rows) == ["e1", "e2"]
    assert reject == Reject(2, 2, 53, '{"event_id":"caf\\xe9"}', "bytes that are not UTF-8")


def test_an_object_where_a_text_belongs_is_null_if_the_column_is_optional(file: Path) -> None:
    file.write_text('{"event_id":"e1","page_url":{"path":"/"},"properties":[]}')
    ((row,), _, _) = read(file)
    assert (row["page_url"], row["properties"]) == (None, "[]")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_blank_lines_are_counted_and_lines_end_as_they_like(file: Path, end: str) -> None:
    file.write_bytes(end.join(["", GOOD, "  ", OTHER, ""]).encode())
    rows, _, found = read(file)
    assert [(row["event_id"], row["line_number"]) for row in rows] == [("e1", 2), ("e2", 4)]
    assert (found["records"], found["blank_lines"]) == (4, 2)


@pytest.mark.parametrize("text", ["", "\n\n", "[]", " [ ] \n"])
def test_a_file_of_no_events(file: Path, text: str) -> None:
    file.write_text(text)
    assert read(file)[0] == []


@pytest.mark.parametrize("layout", ["lines", "array"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32-le"])
def test_encodings_and_places_in_them(file: Path, layout: str, encoding: str) -> None:
    broken = '{"page_url":"é😀"'
    parts = [GOOD, '{"event_id":"é😀"}', broken + "x}", OTHER]
    text = "\n".join(parts) if layout == "lines" else "[" + ",\n".join(parts) + "]"
    file.write_bytes(text.encode(encoding))
    rows, (reject,), found = read(file)
    assert ids(rows) == ["e1", "é😀", "e2"]
    assert (found["layout"], reject.line_number) == (layout, 3)
    unmarked = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le"}.get(encoding, encoding)
    stored = file.read_bytes()[reject.byte_offset :].decode(unmarked)
    assert stored.startswith(broken)


def test_packed_files(file: Path) -> None:
    packed = gzip.compress("\n".join([GOOD, OTHER] * 500).encode())
    file.write_bytes(packed)
    assert read(file)[2] | {"extra_keys": []} == {
        "packing": "gzip", "encoding": "utf-8", "layout": "lines", "extra_keys": [],
        "records": 1000, "blank_lines": 0, "rows": 1000, "rejected_records": 0,
    }  # fmt: skip
    file.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(DataError, match="the gzip is cut off before its end"):
        read(file)


@pytest.mark.parametrize(
    ("element", "reason"),
    [
        ("", "not JSON: Expecting value at character 1"),
        ("{'event_id':'e1'}", "not JSON: "),
        ('{"event_id":"e1",}', "not JSON: "),
        ('{"event_id" "e1"}', "not JSON: "),
        ('{"event_id":"e1"} {"event_id":"e3"}', "not JSON: Extra data"),
        ('{"duration_ms":NaN}', "NaN is no JSON"),
        ('{"a":1,"a":2}', "a key twice in one object"),
        ("12", "not an object"),
        ("tru", "not JSON: "),
        ('{"page_url":"a\\qb"}', "not JSON: Invalid \\escape"),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_malformed_element_that_can_be_isolated_is_a_reject(
    file: Path, element: str, reason: str, place: int
) -> None:
    parts = [GOOD, OTHER]
    parts.insert(place, element)
    file.write_text("[\n  " + ",\n  ".join(parts) + "\n]\n")
    rows, (reject,), found = read(file)
    assert ids(rows) == ["e1", "e2"]
    assert (reject.record_number, reject.line_number) == (
        place + 1,
        place + 2 + (element == "" and place == 2),
    )
    assert reject.raw == element
    assert reject.reason.startswith(reason)
    assert found["layout"] == "array"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (f"[{GOOD},{OTHER}", "the array is not closed: the element that begins at byte"),
        (f"[{GOOD},{OTHER[:-3]}", "the array is not closed"),
        (
            f'[{{"event_id":"x}},{GOOD},{OTHER}]',
            "is not JSON, and where it ends cannot be told|is not closed",
        ),
        (f'[{{"event_id":"x}},\n{GOOD},\n{{"event_id":y"}}]', "begins at byte 1 .* a string is not closed"),
        (f'[{{"properties":[1,2}},{GOOD}]', "its brackets do not match"),
        (f"[{GOOD}}},{OTHER}]", "its brackets do not match"),
        (f"[{GOOD}]\n{OTHER}", r"the array ends before byte 55 \(line 2\), and more follows"),
    ],
)
def test_an_array_in_which_elements_could_be_lost_is_refused(file: Path, text: str, complaint: str) -> None:
    file.write_text(text)
    with pytest.raises(DataError, match=complaint):
        read(file)


def test_joined_arrays_are_read_one_after_the_other(file: Path) -> None:
    file.write_text(f"[{GOOD}]\n[]\n[{OTHER}]")
    assert ids(read(file)[0]) == ["e1", "e2"]


def test_a_line_without_an_end_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splitting, "LONGEST_RECORD", 1000)
    for text, complaint in (
        ("{" * 2000, "line 1 is longer than 1,000 bytes"),
        ("[{" * 2000, "longer than 1,000"),
    ):
        file.write_text(text)
        with pytest.raises(DataError, match=complaint):
            read(file)


def test_what_is_read_is_judged_by_the_contract_as_any_other_dataset(file: Path) -> None:
    """Text of JSON and text of a delimited file go the same way: the reasons are the contract's."""
    sound = {
        "event_id": 7,
        "event_type": "view",
        "timestamp": "2025-01-10T01:30:00+01:00",
        "duration_ms": 5.0,
    }
    events = [
        sound | {"properties": {"a": [1]}, "user_id": " u1 "},
        sound | {"duration_ms": 1.5, "properties": "none"},
        sound | {"timestamp": 1736467200},
        {"event_id": "", "timestamp": None},
    ]
    file.write_text("\n".join(map(json.dumps, events)))
    with opened(file, CLICKSTREAM.columns) as reading:
        (piece,) = reading.pieces()
    positioned = replace(CLICKSTREAM, provided=("line_number",))
    duck = duckdb.connect()
    duck.register("piece", pa.Table.from_batches([piece.batch]))
    judged = duck.execute(
        f"SELECT line_number, event_id, user_id, duration_ms, timestamp, properties, reasons FROM "
        f"({select(positioned, CLICKSTREAM.names, 'piece', date(2025, 1, 10))}) ORDER BY 1"
    ).fetchall()
    at = datetime(2025, 1, 10, 0, 30)
    assert judged == [
        (1, "7", "u1", 5, at, '{"a":[1]}', []),
        (2, "7", None, None, at, None, []),
        (3, "7", None, 5, None, None, ["timestamp:type"]),
        (4, None, None, None, None, None, ["event_id:missing", "event_type:missing", "timestamp:missing"]),
    ]


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
_OBJECTS = st.lists(
    st.dictionaries(st.sampled_from(["event_id", "properties", "page_url", "x"]), _VALUES), max_size=6
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    objects=_OBJECTS,
    layout=st.sampled_from(["lines", "array"]),
    indent=st.booleans(),
    chunk=st.integers(1, 40),
)
def test_every_object_is_a_row_or_a_reject(
    tmp_path: Path, objects: list[Row], layout: str, indent: bool, chunk: int
) -> None:
    """However small the pieces are in which the file is read. Rejects are those with an object for an event_id."""
    whole = [
        each for each in objects if not isinstance(each.get("event_id"), (dict, list)) and _is_text(each)
    ]
    if layout == "array":
        text = json.dumps(objects, ensure_ascii=indent, indent=2 if indent else None)
    else:
        text = "\n".join(json.dumps(each, ensure_ascii=indent) for each in objects)
    file = tmp_path / "drawn.json"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("tasks.json_lines.reader.utf8_chunks", lambda path, _: _pieces(path, chunk))
        rows, rejects, _ = read(file)
    assert len(rows) + len(rejects) == len(objects)
    assert [row["event_id"] for row in rows] == [_as_text(each.get("event_id")) for each in whole]
    assert [row["byte_offset"] for row in rows] == sorted({row["byte_offset"] for row in rows})


def _pieces(path: Path, size: int) -> Any:
    data = path.read_bytes()
    return (data[at : at + size] for at in range(0, len(data), size))


def _is_text(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return not any(mark in json.dumps(value) for mark in ("Infinity", "NaN"))


def _as_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)
