"""Files that were joined, each with its header: the same one is passed over, one in another order refuses the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.errors import DataError
from tests.tasks.delimited.test_reader import HEADER, STORES, read, write


def test_a_repeated_header_counts_as_header(tmp_path: Path) -> None:
    body = "".join(f"s{at},t{at},{at}\n" for at in range(3_000))
    rows, rejects, found = read(write(tmp_path, HEADER + body + HEADER.upper() + body))
    assert (len(rows), rejects, found["header_lines"]) == (6_000, [], 2)


def second(header: str, rows: int, first: str = HEADER) -> str:
    """Two files joined into one, the second with a header of its own."""
    body = "".join(f"s{at},t{at},{at}\n" for at in range(rows))
    return first + body + header + body


# One row is split with care; 30,000 are more than a block that Arrow reads.
@pytest.mark.parametrize("rows", [1, 30_000])
@pytest.mark.parametrize(
    "header", ["amount,transaction_id,store_token\n", "Amount;x,STORE TOKEN,Transaction-ID,amount\n"]
)
def test_a_second_header_in_another_order_refuses_the_file(tmp_path: Path, rows: int, header: str) -> None:
    message = f"line {rows + 2} is a second header, with the columns in another order than the first"
    with pytest.raises(DataError, match=message):
        read(write(tmp_path, second(header, rows)))


@pytest.mark.parametrize("rows", [1, 30_000])
def test_a_second_header_below_rows_without_one(tmp_path: Path, rows: int) -> None:
    body = "".join(f"s{at},t{at},{at}\n" for at in range(200))
    found = read(write(tmp_path, second(HEADER, rows, first=body)))
    assert (len(found[0]), found[1], found[2]["header_lines"]) == (200 + 2 * rows, [], 1)
    with pytest.raises(DataError, match=f"line {201 + rows} is a second header"):
        read(write(tmp_path, second("amount,transaction_id,store_token\n", rows, first=body)))


@pytest.mark.parametrize("rows", [1, 30_000])
def test_a_second_header_with_another_extra_column_is_a_header(tmp_path: Path, rows: int) -> None:
    body = "".join(f"s{at},t{at},{at},x\n" for at in range(rows))
    text = HEADER.replace("\n", ",till\n") + body + HEADER.replace("\n", ",counter\n") + body
    found = read(write(tmp_path, text))
    assert (len(found[0]), found[1], found[2]["header_lines"]) == (2 * rows, [], 2)


@pytest.mark.parametrize("rows", [1, 30_000])
def test_joined_stores_are_not_swapped(tmp_path: Path, rows: int) -> None:
    body = "".join(f"Group {at},Token {at},Store {at}\n" for at in range(rows))
    text = "store_group,store_token,store_name\n" + body + "store_name,store_token,store_group\n" + body
    with pytest.raises(DataError, match=f"line {rows + 2} is a second header"):
        read(write(tmp_path, text), columns=STORES)


def test_a_row_that_has_some_names_is_a_row(tmp_path: Path) -> None:
    body = "".join(f"s{at},transaction_id amount,store token amount {at}\n" for at in range(30_000))
    rows, rejects, _ = read(write(tmp_path, HEADER + body + "amount,transaction_id,7\n" + body))
    assert (len(rows), rejects) == (60_001, [])


@pytest.mark.parametrize(
    ("above", "refused"),
    [
        ("s1,t1,5\n", True),
        ("s1,t1,x\ns2,t2,y\n", True),
        ("Store,Transaction,Amount\n", False),
        ("Sales of partners,,\nJanuary,,\n", False),
        ("Sales of partners\n2025-01-11\n", False),
    ],
)
def test_rows_above_the_header_refuse_the_file(tmp_path: Path, above: str, refused: bool) -> None:
    file = write(tmp_path, above + HEADER + "s3,t3,7\n")
    if not refused:
        assert len(read(file)[0]) == 1
        return
    with pytest.raises(DataError, match=r"above the header look like rows. Were a file without a header"):
        read(file)
