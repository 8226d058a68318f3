"""Headers: recognised by a contract's names."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tasks.delimited.header import Header, find_by_names, normalised, refuse_part_of_header
from tasks.errors import DataError

COLUMNS = ("store_token", "amount", "user_role")


def find(*rows: Sequence[str]) -> Header | None:
    return find_by_names(rows, COLUMNS, "sales.csv")


@pytest.mark.parametrize(
    "name",
    ["Store Token", "STORE_TOKEN", "\ufeffstore token", " store-token ", '"Store_Token"', "store  token"],
)
def test_names_are_compared_without_case_blanks_and_bom(name: str) -> None:
    assert normalised(name) == "store_token"


def test_columns_in_any_order_and_extra_ones() -> None:
    assert find(["Amount", "Comment", "User Role", "Store Token"], ["1", "", "x", "s"]) == Header(
        1, places=(3, 0, 2), extra=("comment",), names=("amount", "comment", "user_role", "store_token")
    )


def test_a_preamble_is_before_the_header() -> None:
    found = find(["Report of May"], ["Shop 7", ""], ["store_token", "amount", "user_role"], ["s", "1", "x"])
    assert found
    assert (found.records, found.places) == (3, (0, 1, 2))


def test_two_rows_of_header() -> None:
    group = find(["Sales", "", ""], ["store_token", "amount", "user_role"], ["s", "1", "x"])
    assert group
    assert group.records == 2
    joined = find(["store", "amount", "user"], ["token", "", "role"], ["s", "1", "x"])
    assert joined
    assert (joined.records, joined.places) == (2, (0, 1, 2))


def test_a_rule_under_the_names_belongs_to_them() -> None:
    found = find(list(COLUMNS), ["-----", "---", "----"], ["s", "1", "x"])
    assert found
    assert found.records == 2


def test_no_header_is_none() -> None:
    assert find(["s1", "12", "cashier"], ["s2", "13", "amount"]) is None
    assert find() is None


def test_a_header_that_lacks_a_column_is_refused() -> None:
    with pytest.raises(
        DataError,
        match=r"sales\.csv: the header \(record 2\) lacks the column\(s\) amount; it has store_token",
    ):
        find(["Report"], ["store_token", "user_role", "price"], ["s", "x", "1"])


def test_a_column_twice_is_refused() -> None:
    with pytest.raises(DataError, match="the header has amount more than once"):
        find(["store_token", "amount", "Amount", "user_role"])


def partly(*rows: Sequence[str]) -> None:
    refuse_part_of_header(rows, COLUMNS, "sales.csv")


ROW = ["s1", "12", "cashier"]


def test_one_name_in_the_first_record_of_the_table_is_a_header_that_lacks_the_others() -> None:
    with pytest.raises(
        DataError,
        match=r"the header \(record 1\) lacks the column\(s\) amount, user_role; it has store_token, eur",
    ):
        partly(["Store Token", "eur", "role"], ROW, ROW)


@pytest.mark.parametrize("above", [["Report of May"], ["Report", "", ""], ["made", "2025-05-31"]])
def test_a_preamble_does_not_hide_such_a_header(above: Sequence[str]) -> None:
    with pytest.raises(DataError, match=r"header \(record 2\) lacks the column\(s\) store_token, user_role"):
        partly(above, ["shop", "amount", "role"], ROW, ROW)


def test_a_name_is_no_header_alone_in_its_record_or_below_the_first_row_or_within_a_cell() -> None:
    partly(["Amount"], ROW, ROW)
    partly(["Amount", "", ""], ROW, ROW)
    partly(ROW, ["s2", "13", "amount"], ROW)
    partly(["s1", "12", "amount due"], ROW)
    partly()
