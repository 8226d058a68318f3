"""Files as batches by a contract: rows, rejects with their places, and an account that adds up."""

from __future__ import annotations

import gzip
import random
import re
from pathlib import Path
from typing import Any

import pytest

from tasks.delimited import blocks, encoding
from tasks.delimited.planning import Pin
from tasks.delimited.reader import Reject, opened
from tasks.errors import DataError

COLUMNS = ("store_token", "transaction_id", "amount")
HEADER = "store_token,transaction_id,amount\n"
STORES = ("store_group", "store_token", "store_name")
SALES = ("store_token", "transaction_id", "receipt_token", "transaction_time", "amount", "user_role")
SALE = "S1,T1,R1,2025-01-11T10:00:00Z,1.50,cashier\n"


def write(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "sales_20250111.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path, **how: Any) -> tuple[list[dict[str, Any]], list[Reject], dict[str, Any]]:
    with opened(path, **({"columns": COLUMNS} | how)) as reading:
        rows: list[dict[str, Any]] = []
        rejects: list[Reject] = []
        for batch, refused in reading.pieces():
            rows += batch.to_pylist()
            rejects += refused
        found = reading.description()
    assert (
        found["records"]
        == found["header_lines"] + found["rows"] + found["rejected_records"] + found["blank_lines"]
    )
    assert (len(rows), len(rejects)) == (found["rows"], found["rejected_records"])
    numbers = [row["record_number"] for row in rows] + [reject.record_number for reject in rejects]
    assert len(set(numbers)) == len(numbers)
    return rows, rejects, found


def values(rows: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    return [tuple(row[column] for column in COLUMNS) for row in rows]


def test_rows_and_their_places(tmp_path: Path) -> None:
    content = 'Report\r\n\r\nAmount;Transaction ID;Store Token\r\n1,5;t1;s1\r\n2;"t\r\n2";"s;2"\r\n'
    rows, rejects, found = read(write(tmp_path, content))
    assert values(rows) == [("s1", "t1", "1,5"), ("s;2", "t\r\n2", "2")]
    places = [(row["record_number"], row["line_number"], row["byte_offset"]) for row in rows]
    assert places == [(4, 4, content.index("1,5")), (5, 5, content.index("2;"))]
    assert rejects == []
    assert found == {
        "packing": "", "encoding": "utf-8", "delimiter": ";", "quote": '"', "escape": '"', "newline": "CRLF", "columns": 3,
        "extra_columns": [], "physical_lines": 6, "records": 5, "header_lines": 2, "blank_lines": 1, "rows": 2,
        "rejected_records": 0, "flawed_records": 0, "mended_records": 0, "doubts": [],
    }  # fmt: skip


def test_rejects_say_what_and_where(tmp_path: Path) -> None:
    content = HEADER + 's1,t1,1\ns2,t2\ns3,t3,3,x\n\ns4,"t4,4\ns5,"t"5",5\ns6,t6,6,,\ns7,t\x007,7\ns8,t8,8'
    rows, rejects, found = read(write(tmp_path, content))
    assert [row[0] for row in values(rows)] == ["s1", "s6", "s8"]
    assert rejects == [
        Reject(3, 3, content.index("s2"), "s2,t2", "2 fields where 3 are expected"),
        Reject(4, 4, content.index("s3"), "s3,t3,3,x", "4 fields where 3 are expected"),
        Reject(6, 6, content.index("s4"), 's4,"t4,4', "a quote opens and is never closed"),
        Reject(
            7,
            7,
            content.index("s5"),
            's5,"t"5",5',
            "a quote inside a quoted field is neither doubled nor escaped",
        ),
        Reject(9, 9, content.index("s7"), "s7,t\x007,7", "a NUL byte"),
    ]
    assert (found["blank_lines"], found["records"]) == (1, 10)


def test_bytes_in_another_encoding_are_rejected(tmp_path: Path) -> None:
    good = "".join(f"s{at},ä{at},{at}\n" for at in range(40))
    _, rejects, found = read(write(tmp_path, (HEADER + good).encode() + b"s9,\xe9t\xe9,9\n"))
    assert [(reject.line_number, reject.raw, reject.reason) for reject in rejects] == [
        (42, "s9,été,9", "bytes that are not in the file's encoding")
    ]
    assert found["doubts"] == ["2 bytes are not UTF-8"]


def test_without_a_header_columns_come_in_the_contracts_order(tmp_path: Path) -> None:
    rows, _, found = read(write(tmp_path, "s1|t1|1\ns2|t2|2\n"))
    assert values(rows) == [("s1", "t1", "1"), ("s2", "t2", "2")]
    assert (found["header_lines"], found["delimiter"]) == (0, "|")
    assert found["doubts"] == ["no header: columns are taken in the contract's order"]


def test_trailing_delimiters(tmp_path: Path) -> None:
    body = "".join(f"s{at},t{at},{at},\n" for at in range(100))
    for header in (HEADER, HEADER.replace("\n", ",\n")):
        rows, rejects, _ = read(write(tmp_path, header + body + "s,t,1,more\n" + "s,t,2\n"))
        assert (len(rows), [reject.raw for reject in rejects]) == (101, ["s,t,1,more"])


def test_a_header_alone_loads_nothing_and_an_empty_file_is_refused(tmp_path: Path) -> None:
    rows, rejects, found = read(write(tmp_path, HEADER))
    assert (rows, rejects, found["header_lines"], found["records"]) == ([], [], 1, 1)
    for content in ("", "\n", "\ufeff", "  \n\n"):
        with pytest.raises(DataError, match=r"sales_20250111\.csv: the file is empty"):
            read(write(tmp_path, content))


def test_the_wrong_kind_of_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"lacks the column\(s\) amount"):
        read(write(tmp_path, "store_token,transaction_id,price\ns,t,1\n"))
    with pytest.raises(DataError, match="no delimiter gives 3 columns"):
        read(write(tmp_path, "a,b\n1,2\n3,4\n"))
    with pytest.raises(DataError, match="ambiguous: ',' and ';' both give 3 columns"):
        read(write(tmp_path, "x,y;z,w;v\n" * 5))


@pytest.mark.parametrize(
    ("columns", "content", "lacks"),
    [
        (STORES, "store_token,name,group\nS1,One,G1\n", "lacks the column(s) store_group, store_name"),
        (STORES, "Our shops\n\ntoken;name;store group\nS1;One;G1\nS2;Two;G1\n", "lacks the column(s) store_token"),
        (SALES, f"store,transaction_id,receipt,transaction_time,value,role\n{SALE}", "lacks the column(s) store_token"),
    ],
)  # fmt: skip
def test_a_header_that_lacks_most_columns_is_no_row(
    tmp_path: Path, columns: tuple[str, ...], content: str, lacks: str
) -> None:
    with pytest.raises(DataError, match=re.escape(lacks)):
        read(write(tmp_path, content), columns=columns)


def test_a_name_deep_in_a_file_without_header_is_a_value(tmp_path: Path) -> None:
    path = write(tmp_path, "G1,S1,One\nG1,S2,amount\nG1,S3,Store Name\n")
    rows, _, _ = read(path, columns=STORES)
    assert [row["store_name"] for row in rows] == ["One", "amount", "Store Name"]


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "latin-1", "cp1252"])
@pytest.mark.parametrize("chunk", [50, 4 << 20])
def test_places_are_those_of_the_files_own_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: str, chunk: int
) -> None:
    monkeypatch.setattr(encoding, "CHUNK_BYTES", chunk)
    monkeypatch.setattr(encoding.utf8_chunks, "__defaults__", (chunk,))
    sign = "€" if codec not in ("latin-1",) else "é"
    text = (
        HEADER + "".join(f's{at},"{sign * (at % 4)},{at}\n{sign}",{at}\n' for at in range(60)) + "é,broken\n"
    )
    path = write(tmp_path, text.encode(codec))
    rows, rejects, _ = read(path)
    assert len(rows) == 60
    content = path.read_bytes()
    plain = "utf-16-le" if codec == "utf-16" else codec.removesuffix("-sig")
    for row in rows:
        assert content[row["byte_offset"] :].startswith(f"{row['store_token']},".encode(plain))
        assert row["line_number"] == 2 + 2 * int(row["amount"])
    (reject,) = rejects
    assert content[reject.byte_offset :] == "é,broken\n".encode(plain)
    assert reject.line_number == 122


def broken_file(seed: int) -> tuple[str, int]:
    """Thousands of rows, some of them broken in every way, and how many records are not rows."""
    rng = random.Random(seed)
    lines, broken = [HEADER], 0
    for at in range(4_000):
        kind = rng.random()
        if kind < 0.01:
            broken += 1
            lines.append(
                rng.choice(
                    [f"s{at},t{at}\n", f"s{at},t,{at},4\n", f's{at},"open,{at}\n', f's{at},"a"b",{at}\n']
                )
            )
        elif kind < 0.02:
            lines.append(rng.choice(["\n", "  \n", "\r\n"]))
        else:
            lines.append(
                rng.choice([f"s{at},t{at},{at}\n", f's{at},"t,""{at}""",{at}\r\n', f's{at},"t\n{at}",{at}\n'])
            )
    return "".join(lines), broken


@pytest.mark.parametrize("seed", range(6))
def test_fast_and_careful_reading_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    text, broken = broken_file(seed)
    path = write(tmp_path, text)
    monkeypatch.setattr(blocks, "_WINDOW", 500)
    fast = read(path)
    assert len(fast[1]) == broken
    monkeypatch.setattr(blocks, "is_scannable", lambda _: False)
    careful = read(path)
    by_number = [sorted(rows, key=lambda row: row["record_number"]) for rows in (fast[0], careful[0])]
    assert by_number[0] == by_number[1]
    assert sorted(fast[1]) == careful[1]
    assert fast[2] == careful[2]


def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "LONGEST_RECORD", 100_000)
    monkeypatch.setattr(encoding.utf8_chunks, "__defaults__", (10_000,))
    path = write(tmp_path, HEADER + "s1,t1,1\n" + "x" * 500_000)
    with pytest.raises(DataError, match="line 3 is longer than 100,000 bytes"):
        read(path)


def test_an_unclosed_quote_in_a_large_file_costs_one_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "LONGEST_RECORD", 100_000)
    monkeypatch.setattr(encoding.utf8_chunks, "__defaults__", (10_000,))
    body = [f"s{at},t{at},{at}\n" for at in range(40_000)]
    body[20_000] = 's20000,"t20000,20000\n'
    rows, rejects, _ = read(write(tmp_path, HEADER + "".join(body)))
    assert len(rows) == 39_999
    assert [(reject.line_number, reject.reason) for reject in rejects] == [
        (20_002, "a quote opens and is never closed")
    ]


def test_gzip_is_read_and_said(tmp_path: Path) -> None:
    rows, _, found = read(write(tmp_path, gzip.compress((HEADER + "s,t,1\n").encode())))
    assert (values(rows), found["packing"]) == ([("s", "t", "1")], "gzip")


PIN = Pin(columns=("shop", "id", "eur"), delimiter=";", encoding="latin-1")


def pinned(path: Path, pin: Pin = PIN) -> list[tuple[str, ...]]:
    with opened(path, columns=("eur", "shop"), pin=pin) as reading:
        return [tuple(row.values())[:2] for batch, _ in reading.pieces() for row in batch.to_pylist()]


def test_a_pinned_feed_is_read_as_agreed(tmp_path: Path) -> None:
    assert pinned(write(tmp_path, "Shop;ID;EUR\nKöln;1;2,5\n".encode("latin-1"))) == [("2,5", "Köln")]
    bare = Pin(columns=PIN.columns, delimiter=";", header=False)
    assert pinned(write(tmp_path, "a;1;2\nb;2;3\n"), bare) == [("2", "a"), ("3", "b")]


@pytest.mark.parametrize(
    ("content", "pin", "reason"),
    [
        (
            "Shop,ID,EUR\nx,1,2\n",
            PIN,
            "pinned to the header shop, id, eur with ';', but it begins with shop,id,eur",
        ),
        ("shop;id;usd\nx;1;2\n", PIN, "but it begins with shop, id, usd"),
        ("x;1;2\n", PIN, "but it begins with x, 1, 2"),
        ("shop;id;eur\nx;1;2;3\ny;1;2;3\n", PIN, "pinned to 3 columns with ';', but its records have 4"),
        (
            "shop;id;eur\nx;1;2\n",
            Pin(PIN.columns, ";", header=False),
            "pinned to have no header, but it has one",
        ),
        (
            "shop;id;usd\nx;1;2\n",
            Pin(("shop", "id", "usd"), ";"),
            r"The pin of sales_20250111\.csv lacks the column\(s\) eur",
        ),
    ],
)
def test_a_deviation_from_a_pin_is_an_error(tmp_path: Path, content: str, pin: Pin, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        pinned(write(tmp_path, content), pin)


@pytest.mark.parametrize("top", ["amount;store_token;transaction_id", '"amount;store_token;transaction_id"'])
def test_names_that_are_delimited_otherwise_than_the_rows_are_not_passed_over(
    tmp_path: Path, top: str
) -> None:
    path = write(tmp_path, f"{top}\n" + "".join(f"S1,T{number},1.50\n" for number in range(40)))
    with pytest.raises(DataError, match=r"line 1 names 3 of the columns .* not delimited like the rows"):
        read(path)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('{"store": "S1", "id": "T1", "amount": 1}', "JSON"),
        ("<row a='1', b='2', c='3'/>", "XML or HTML"),
    ],
)
def test_other_text_is_not_taken_for_columns_of_text(tmp_path: Path, line: str, what: str) -> None:
    with pytest.raises(DataError, match=f"this is {what}, not delimited text"):
        read(write(tmp_path, f"{line}\n" * 20))
    mixed, _, _ = read(write(tmp_path, "{S1},T1,1.50\nS2,T2,1.50\n"))
    assert [row["store_token"] for row in mixed] == ["{S1}", "S2"]
