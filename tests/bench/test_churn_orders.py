"""Order histories as they come: numbers as ids, gaps in columns, several files; and what is refused with its column."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.churn_table import Refused, load_orders, read_orders, training_dates

AT = pd.to_datetime(["2025-01-01", "2025-01-02", "2025-01-03"])


def orders(**columns: object) -> pd.DataFrame:
    base = {
        "customer_id": ["A", "B", "C"],
        "order_id": ["1", "2", "3"],
        "order_ts": AT,
        "amount": [1.0, 2.0, 3.0],
    }
    return pd.DataFrame(base | columns)


def test_numbers_as_ids_are_told_without_a_point_although_one_is_missing(tmp_path: Path) -> None:
    given = orders(customer_id=pd.array([17850, None, 2**60 + 1], dtype="Int64"), order_id=[1, 2, 3])
    given.to_parquet(tmp_path / "o.parquet", index=False)
    read = read_orders(load_orders(tmp_path / "o.parquet"))
    assert read["customer_id"].tolist() == ["17850", str(2**60 + 1)]
    assert read["order_id"].tolist() == ["1", "3"]


def test_ids_that_were_made_numbers_with_a_point_lose_it() -> None:
    read = read_orders(orders(customer_id=[17850.0, np.nan, 3.0], order_id=[1.5, 2.0, 3.0]))
    assert read["customer_id"].tolist() == ["17850", "3"]
    assert read["order_id"].tolist() == ["1.5", "3.0"]


def test_rows_without_a_customer_or_a_moment_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    read = read_orders(orders(customer_id=["A", None, "C"], order_ts=[AT[0], AT[1], pd.NaT]))
    assert read["customer_id"].tolist() == ["A"]
    told = capsys.readouterr().err.splitlines()
    assert told == ["left out of 3 orders: 1 without a customer, 1 without a moment"]
    read_orders(orders())
    assert capsys.readouterr().err == ""


def test_an_amount_that_is_missing_counts_as_nothing_and_decimals_are_numbers() -> None:
    read = read_orders(orders(amount=[Decimal("1.50"), None, Decimal("0.00")]))
    assert read["amount"].tolist() == [1.5, 0, 0]


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("amount", ["1", "2 EUR", "3"], r"amount: '2 EUR' in row 1 is no number"),
        ("amount", [1.0, np.inf, 2.0], r"amount: inf in row 1 is no number"),
        ("order_ts", ["2025-01-01", "soon", "2025-01-02"], r"order_ts: 'soon' in row 1 is no moment"),
        ("order_ts", [20250101, 20250102, 20250103], r"order_ts: int64 is no kind of moment"),
    ],
)
def test_what_cannot_be_read_is_refused_with_column_and_value(
    column: str, values: list[object], message: str
) -> None:
    with pytest.raises(Refused, match=message):
        read_orders(orders(**{column: values}))


def test_moments_of_text_and_days_are_read() -> None:
    assert read_orders(orders(order_ts=["2025-01-01 10:00", "2025-01-02", "2025-01-03"]))["order_ts"].iloc[
        0
    ] == pd.Timestamp("2025-01-01 10:00")
    days = read_orders(orders(order_ts=[date(2025, 1, 1), date(2025, 1, 2), None]))
    assert days["order_ts"].tolist() == [AT[0], AT[1]]


def test_a_folder_is_read_as_its_files(tmp_path: Path) -> None:
    (tmp_path / "year=2025").mkdir()
    whole = orders(customer_id=[1, 2, 3])
    whole.iloc[:1].to_parquet(tmp_path / "a.parquet", index=False)
    whole.iloc[1:].to_parquet(tmp_path / "year=2025" / "b.parquet", index=False)
    (tmp_path / "_SUCCESS").write_text("")
    pd.testing.assert_frame_equal(read_orders(load_orders(tmp_path)), read_orders(whole), check_dtype=False)
    whole.drop(columns="amount").to_parquet(tmp_path / "c.parquet", index=False)
    with pytest.raises(Refused, match=r"c\.parquet: no column amount"):
        load_orders(tmp_path)


def test_a_folder_without_orders_and_a_file_of_something_else_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no Parquet file"):
        load_orders(tmp_path)
    (tmp_path / "o.parquet").write_text("customer_id")
    with pytest.raises(Refused, match=r"o\.parquet: "):
        load_orders(tmp_path)


@pytest.mark.parametrize("horizon", [1, 2, 3, 5, 7, 10])
def test_short_horizons_train_after_the_first_order(horizon: int) -> None:
    as_of = date(2025, 3, 1)
    first = date.fromordinal(as_of.toordinal() - 3 * horizon)
    dates = training_dates(first, as_of, horizon)
    assert all((day - first).days >= horizon for day in dates)
    assert all((as_of - day).days >= horizon for day in dates)
