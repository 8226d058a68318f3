"""The churn benchmark: what it refuses, what a date may know, and that its figures are those of its rows."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.churn import METHODS, compare, main
from bench.churn_table import Refused, read_orders, refuse, table, training_dates
from bench.churn_worlds import grocer
from jobs.sagemaker.churn.measures import average_precision, log_loss

FIRST, SECOND, HORIZON = date(2007, 3, 1), date(2007, 5, 1), 60


@pytest.fixture(scope="module")
def orders() -> pd.DataFrame:
    return grocer(customers=1_200)


@pytest.fixture(scope="module")
def found(orders: pd.DataFrame) -> tuple[dict[str, dict[str, object]], pd.DataFrame]:
    return compare(orders, [FIRST, SECOND], HORIZON)


def test_figures_are_those_of_the_rows_and_means_of_the_dates(found, orders: pd.DataFrame) -> None:
    figures, rows = found
    assert list(figures) == list(METHODS)
    for method in METHODS:
        for day in (FIRST, SECOND):
            of = rows[(rows["method"] == method) & (rows["as_of"] == day)]
            start, end = pd.Timestamp(day), pd.Timestamp(day) + pd.Timedelta(days=HORIZON)
            at = orders["order_ts"]
            due = set(orders.loc[(at < start) & (at >= start - pd.Timedelta(days=180)), "customer_id"])
            active = set(orders.loc[(at >= start) & (at < end), "customer_id"])
            assert set(of["customer_id"]) == due
            assert len(of) == len(due)
            churned = np.array([name not in active for name in of["customer_id"]], float)
            told = figures[method]["by_as_of"][day.isoformat()]
            probability = of["probability"].to_numpy()
            assert told["log_loss"] == pytest.approx(log_loss(churned, probability), abs=1e-6)
            assert told["average_precision"] == pytest.approx(
                average_precision(churned, probability), abs=1e-6
            )
        both = [figures[method]["by_as_of"][day.isoformat()]["auc"] for day in (FIRST, SECOND)]
        assert figures[method]["auc"] == pytest.approx(np.mean(both), abs=1e-6)


def test_a_date_knows_only_what_was_before_it_whatever_else_is_asked(found, orders: pd.DataFrame) -> None:
    """Everything from the date on is scrambled, the rows are shuffled, and the date is asked alone."""
    draw = np.random.default_rng(9)
    ahead = (orders["order_ts"] >= pd.Timestamp(FIRST)).to_numpy()
    scrambled = orders.sample(frac=1, random_state=4)
    ahead = (scrambled["order_ts"] >= pd.Timestamp(FIRST)).to_numpy()
    scrambled.loc[ahead, "customer_id"] = draw.permutation(scrambled.loc[ahead, "customer_id"].to_numpy())
    scrambled.loc[ahead, "amount"] = 1e5
    _, alone = compare(scrambled, [FIRST], HORIZON)
    of_both = found[1][found[1]["as_of"] == FIRST].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, of_both, check_exact=True)


def test_training_dates_end_before_the_date_and_start_with_some_history(orders: pd.DataFrame) -> None:
    dates = training_dates(date(2006, 1, 1), FIRST, HORIZON)
    assert dates[0] == date(2006, 12, 28)
    assert dates[1] == date(2006, 11, 30)
    assert date(2006, 3, 2) <= dates[-1] < date(2006, 3, 30)
    rows = table(orders, FIRST, HORIZON).training
    assert (rows["orders_180d"] > 0).all()
    assert rows["as_of"].nunique() == len(dates)


def test_what_cannot_be_judged_is_refused_with_the_figure(orders: pd.DataFrame) -> None:
    with pytest.raises(Refused, match=r"ends on 2008-01-30, past the last order on 2007-12-31"):
        refuse(orders, date(2007, 12, 1), HORIZON)
    with pytest.raises(Refused, match=r"179 days from the first order, less than 3 x 60 = 180"):
        refuse(orders, date(2006, 6, 29), HORIZON)
    refuse(orders, date(2006, 6, 30), HORIZON)
    few = orders[orders["customer_id"] < "C00400"]
    with pytest.raises(Refused, match=r"2007-03-01: \d\d\d due customers, less than 500"):
        refuse(few, FIRST, HORIZON)
    with pytest.raises(Refused, match="no column amount"):
        read_orders(orders.drop(columns="amount"))


def test_a_refusal_writes_no_rows(
    orders: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    orders.to_parquet(tmp_path / "orders.parquet", index=False)
    out = tmp_path / "rows.parquet"
    asked = ["--orders", str(tmp_path / "orders.parquet"), "--as-of", "2007-03-01,2007-12-01",
             "--horizon-days", "60", "--out", str(out)]  # fmt: skip
    with pytest.raises(SystemExit, match="refused: 2007-12-01"):
        main(asked)
    assert not out.exists()
    assert capsys.readouterr().out == ""


def test_an_older_answer_does_not_stay_beside_a_refusal(orders: pd.DataFrame, tmp_path: Path) -> None:
    orders.to_parquet(tmp_path / "orders.parquet", index=False)
    out = tmp_path / "rows.parquet"
    out.write_text("older")
    asked = ["--orders", str(tmp_path / "orders.parquet"), "--as-of", "2007-12-01", "--horizon-days", "60"]
    with pytest.raises(SystemExit, match="refused: 2007-12-01"):
        main([*asked, "--out", str(out)])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["orders.parquet"]


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("absent/rows.parquet", "absent does not exist"),
        (".", "is a folder"),
        ("orders.parquet", "would be lost"),
    ],
)
def test_where_rows_cannot_go_is_said_before_anything_is_computed(
    orders: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str], out: str, message: str
) -> None:
    orders.to_parquet(tmp_path / "orders.parquet", index=False)
    asked = ["--orders", str(tmp_path / "orders.parquet"), "--as-of", "2007-05-01", "--horizon-days", "60"]
    with pytest.raises(SystemExit) as stopped:
        main([*asked, "--out", str(tmp_path / out)])
    assert stopped.value.code == 2
    told = capsys.readouterr().err
    assert message in told
    assert "2007-05-01: " not in told
    assert (tmp_path / "orders.parquet").is_file()


def test_too_few_of_a_kind_are_refused_with_the_date(orders: pd.DataFrame) -> None:
    """Everybody orders on every day, so that nobody has ever churned."""
    days = pd.date_range("2025-01-01", "2025-02-28")
    daily = pd.DataFrame(
        {
            "customer_id": [f"C{one}" for one in range(600) for _ in days],
            "order_id": [str(number) for number in range(600 * len(days))],
            "order_ts": np.tile(days.to_numpy(), 600),
            "amount": 1.0,
        }
    )
    with pytest.raises(Refused, match=r"^2025-02-15: .* of which 0 churned"):
        compare(daily, [date(2025, 2, 15)], 7)


def test_the_command_prints_one_object_and_writes_the_rows(
    orders: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str], found
) -> None:
    orders.to_parquet(tmp_path / "orders.parquet", index=False)
    out = tmp_path / "rows.parquet"
    given = ["--orders", str(tmp_path / "orders.parquet"), "--as-of", "2007-05-01"]
    main([*given, "--horizon-days", "60", "--out", str(out)])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["orders.parquet", "rows.parquet"]
    told = json.loads(capsys.readouterr().out)
    assert set(told["ours"]) == {
        "auc", "average_precision", "log_loss", "brier", "ece", "lift10", "seconds", "by_as_of",
    }  # fmt: skip
    rows = pd.read_parquet(out)
    assert list(rows.columns) == ["customer_id", "as_of", "method", "probability"]
    expected = found[1][found[1]["as_of"] == SECOND].reset_index(drop=True)
    np.testing.assert_array_equal(rows["probability"], expected["probability"])


def test_zero_amounts_and_moments_stay_as_given(orders: pd.DataFrame) -> None:
    given = orders.assign(amount=0.0, order_ts=orders["order_ts"].dt.tz_localize("Europe/Berlin"))
    read = read_orders(given)
    assert len(read) == len(orders)
    assert (read["order_ts"].to_numpy() == orders["order_ts"].to_numpy()).all()
