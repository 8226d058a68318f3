"""What stands above a table is taken off where no doubt is left, and kept beside it; no row and no header is ever lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.delimited.header import Header
from tasks.delimited.preamble import describe
from tasks.delimited.reader import opened
from tests.tasks.delimited.polluted import Row, Writing, base, text

NAMES = ["shop", "day", "units", "price"]
SOLD = [["S1", "2024-01-01", "3", "1.5"], ["S2", "2024-01-02", "4", "2.5"], ["S3", "2024-01-03", "5", "3.5"]]
PEOPLE = [
    ["Ann", "Bonn", "cook", "tea"],
    ["Bob", "Rome", "smith", "milk"],
    ["Cy", "Oslo", "baker", "rum"],
    ["Di", "Bern", "nun", "wine"],
]
ASKED = ["name", "town", "trade", "drink"]
GAP = ["", "", "", ""]


def above(*rows: list[str]) -> tuple[int, int]:
    """How many records are taken off, and how many there are before the rows."""
    found = describe(rows, 4)
    return found.preamble, found.records


@pytest.mark.parametrize(
    "top",
    [
        [["Sales of May"]],
        [["Sales of May", "", "", ""]],
        [["Sales of May", "", "", ""], ["Created", "2024-06-01", "", ""]],
        [["#SHOP: ", "Bonn", "", ""], ["#MONTH: ", "May"]],
        [["#SHOP: ", "Bonn", "", ""]],
        [GAP],
        [GAP, ["Sales of May", "", "", ""], GAP, GAP],
        [["Sales of May"], ["Shops 1 to 3, and all their counters"], ["", "", "note", ""], GAP],
        [["Author", "Ann", "", ""], ["Town", "Bonn", "", ""]],
    ],
)
def test_titles_notes_and_empty_records_are_above_the_table(top: list[list[str]]) -> None:
    assert above(*top, NAMES, *SOLD) == (len(top), len(top) + 1)
    assert describe([*top, NAMES, *SOLD], 4).names == tuple(NAMES)


def test_without_a_contract_a_header_is_described_only_beyond_doubt() -> None:
    rows = [["Report"], ["day", "amount"], ["2024-01-01", "3"], ["2024-01-02", "4"]]
    assert describe(rows, 2) == Header(2, names=("day", "amount"), preamble=1)
    assert describe(rows[2:], 2) == Header(0)
    # All text: the first row may be a name like the others.
    assert describe([["name", "town"], ["Ann", "Bonn"], ["Bob", "Rome"]], 2) == Header(0)
    assert describe([["day", "day"], ["2024-01-01", "3"]], 2) == Header(0)
    assert describe([["day", ""], ["2024-01-01", "3"]], 2) == Header(0)
    assert describe([["day", "amount"]], 2) == Header(0)
    assert describe([], 1) == Header(0)


def test_a_file_that_begins_with_its_header_has_nothing_above_it() -> None:
    assert above(NAMES, *SOLD) == (0, 1)
    assert above(NAMES, ["S1", "", "", ""], *SOLD) == (0, 1)
    assert above(NAMES, GAP, ["Total", "", "", ""], *SOLD) == (0, 1)


@pytest.mark.parametrize(
    "rows",
    [
        SOLD,
        [["S0", "", "", ""], *SOLD],
        [["S0"], *SOLD],
        [GAP, *SOLD],
        [["Sales of May"], ["shop", "day", "day", "price"], *SOLD],
        [["Sales of May"], ["shop", "", "units", "price"], *SOLD],
        [["Sales of May"], ["shop", "2022", "2023", "2024"], *SOLD],
        [["S0", "2023-12-31", "2", ""], NAMES, *SOLD],
        [["Shop", "Bonn", "the new one", ""], NAMES, *SOLD],
        [["Sales of May"], NAMES],
        [["Sales of May"]],
        [],
    ],
)
def test_without_a_certain_header_everything_stays(rows: list[list[str]]) -> None:
    assert describe(rows, 4).preamble == 0


def test_names_may_end_in_a_trailing_delimiter() -> None:
    rows = [["Sales", "", ""], ["shop", "units", ""], ["S1", "3", ""], ["S2", "4", ""]]
    assert describe(rows, 3) == Header(2, names=("shop", "units", ""), preamble=1)
    assert describe(rows[1:], 3) == Header(1, names=("shop", "units", ""))
    # A column of rows that the names do not reach: the record of names is not beyond doubt.
    assert describe([*rows, ["S3", "5", "x"]], 3).preamble == 0


def test_rows_of_header_stay_together() -> None:
    groups, group = ["shop", "", "sold", ""], ["", "", "sold", ""]
    assert above(groups, NAMES, *SOLD) == (0, 2)
    assert above(["Sales of May", "", "", ""], group, NAMES, *SOLD) == (1, 3)
    assert above(["shop", "when", "", ""], NAMES, *SOLD) == (0, 2)
    # Two rows of names, the second of which has its units.
    assert above(["Sales of May", "", "", ""], NAMES, ["", "", "pieces", "EUR"], *SOLD) == (1, 2)


def test_a_table_above_the_table_is_none_of_its_preamble() -> None:
    small = [["shop", "day", "sold"], *(["S1", f"2024-01-{at}", str(at)] for at in range(10, 20))]
    wide = [[*NAMES, "cost", "tax"], *([*row, "1", "2"] for row in SOLD * 9)]
    assert describe([*small, *wide], 6).preamble == 0


def test_there_may_be_more_notes_than_rows() -> None:
    assert above(*([["note", "", "", ""]] * 5), NAMES, *SOLD) == (5, 6)


def test_a_table_of_text_has_no_certain_header_so_only_what_is_no_row_is_taken_off() -> None:
    assert above(["Our people"], ASKED, *PEOPLE) == (1, 1)
    assert above(["Our people", "", "", ""], GAP, ASKED, *PEOPLE) == (2, 2)
    assert above(GAP, ASKED, *PEOPLE) == (1, 1)


@pytest.mark.parametrize(
    "rows",
    [
        PEOPLE,
        [["Dan"], *PEOPLE],
        [["Dan", "", "", ""], *PEOPLE],
        [["Dan", "", "", ""], ASKED, *PEOPLE],
        [["Dan"], PEOPLE[0], ["Eve"], *PEOPLE[1:]],
        [GAP, PEOPLE[0], GAP, *PEOPLE[1:]],
        [["name;town;trade;drink"], *PEOPLE],
        [["Dan"], *PEOPLE[:2]],
    ],
)
def test_a_sparse_row_of_text_is_never_taken_off(rows: list[list[str]]) -> None:
    assert describe(rows, 4) == Header(0)


def test_two_columns_and_one() -> None:
    body = [["S1", "3"], ["S2", "4"]]
    assert describe([["Sales"], ["shop", "units"], *body], 2) == Header(
        2, names=("shop", "units"), preamble=1
    )
    assert describe([["Day:", "Monday"], ["shop", "units"], *body], 2).preamble == 1
    assert describe([["shop:", "units"], *body], 2) == Header(1, names=("shop:", "units"))
    assert describe([["Ann"], ["Bob", "Rome"], ["Cy", "Oslo"], ["Di", "Bern"], ["Ed", "Paris"]], 2) == Header(
        0
    )
    assert describe([["Sales"], ["units"], ["3"], ["4"]], 1).preamble == 0


@given(
    st.lists(
        st.lists(st.sampled_from(["", "a", "b", "c:", "1", "x y", "2024-01-01"]), min_size=1, max_size=5),
        max_size=30,
    ),
    st.integers(1, 5),
)
def test_what_is_taken_off_has_fewer_cells_than_the_record_below_it(
    rows: list[list[str]], width: int
) -> None:
    found = describe(rows, width)
    assert 0 <= found.preamble <= found.records <= len(rows)
    if found.preamble:
        first = rows[found.preamble : found.records + 1]
        filled = [sum(map(bool, row)) for row in rows[: found.preamble]]
        assert max(filled) <= max(sum(map(bool, row)) for row in first)
        assert found.records < len(rows)


def test_the_reader_keeps_the_preamble_beside_the_rows(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_text('"Sales, May",,,\n,,,\n\nshop,day,units,price\nS1,2024-01-01,3,1.5\nS2,2024-01-02,4\n')
    with opened(path) as reading:
        rows = list(reading.rows())
        found = reading.description()
    assert reading.preamble == [["Sales, May", "", "", ""], GAP]
    assert rows == [NAMES, SOLD[0], ["S2", "2024-01-02", "4"]]
    assert (found["records"], found["header_lines"], found["blank_lines"], found["rows"]) == (6, 3, 1, 2)


def test_a_contract_leaves_the_rows_as_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_text("Sales of May\nshop,day,units,price\nS1,2024-01-01,3,1.5\n")
    with opened(path, columns=("shop", "units")) as reading:
        assert list(reading.rows()) == [["Sales of May"], NAMES, SOLD[0]]
    assert reading.preamble == []


def test_batches_without_a_contract_have_the_preamble_beside_them_too(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("Our people\n" + "".join(",".join(row) + "\n" for row in [ASKED, *PEOPLE]))
    with opened(path) as reading:
        pieces = list(reading.pieces())
    assert reading.preamble == [["Our people"]]
    assert [piece.rejects for piece in pieces] == [[] for _ in pieces]
    assert [row["column_1"] for piece in pieces for row in piece.batch.to_pylist()] == [
        "name",
        "Ann",
        "Bob",
        "Cy",
        "Di",
    ]
    assert (reading.account.header_lines, reading.account.rows) == (1, 5)


def test_a_column_without_a_name_is_called_by_its_place(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_text("shop,units,\nS1,3,\nS2,4,\n")
    with opened(path) as reading:
        rows = [row for piece in reading.pieces() for row in piece.batch.to_pylist()]
    assert [(row["shop"], row["units"], row["column_3"]) for row in rows] == [
        ("S1", "3", ""),
        ("S2", "4", ""),
    ]


TOPS: list[list[Row]] = [
    [["Report of the sales office"]],
    [["Report", *[""] * 8], [""] * 9, [""] * 9],
    [["# made by export.pl"], ["# version 3"]],
    [["#SHOP: ", "Bonn"], ["#MONTH:", "May"]],
    [["Report"], ["Created", "2024-06-01 10:00", *[""] * 7]],
]


@pytest.mark.parametrize("top", TOPS)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("size", [3, 84])
def test_orders_with_something_above_them(tmp_path: Path, top: list[Row], delimiter: str, size: int) -> None:
    table, path = base(size), tmp_path / "orders.csv"
    path.write_text(text([*top, *table], Writing(delimiter)), encoding="utf-8")
    with opened(path) as reading:
        assert list(reading.rows()) == table
    assert (reading.preamble, reading.account.header_lines) == (top, len(top) + 1)


@pytest.mark.parametrize("first", [["03/05/2022", *[""] * 8], ["", "", "7", *[""] * 6], [""] * 9, ["x"]])
def test_orders_without_a_header_keep_a_sparse_first_row(tmp_path: Path, first: Row) -> None:
    rows, path = [first, *base()[1:]], tmp_path / "orders.csv"
    path.write_text(text(rows), encoding="utf-8")
    with opened(path) as reading:
        assert list(reading.rows()) == rows
    assert (reading.preamble, reading.account.header_lines) == ([], 0)


def test_a_hundred_notes_are_no_preamble() -> None:
    notes = [["note", "", "", ""]] * 100
    assert above(*notes[1:], NAMES, *SOLD) == (99, 100)
    assert above(*notes, NAMES, *SOLD) == (0, 0)
