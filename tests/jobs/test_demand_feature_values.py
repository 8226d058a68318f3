"""Every column that the model looks at has the value of its definition, in history and in the horizon."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from jobs import demand_columns as columns
from jobs.glue.demand import demand_suspects
from tests.jobs.demand_value_oracle import (
    FALSE_WEEKS,
    LEAST_SUSPECT_SERIES,
    NEVER_SOLD,
    OUT_OF_STOCK,
    BusyWorld,
    ValueOracle,
    monday,
)
from tests.jobs.demand_world import HORIZON, WEEKS, Oracle, World
from tests.jobs.test_demand_features import Built, build

pytestmark = pytest.mark.spark

LOOKED_AT = {*columns.STATE, *columns.PLAN, columns.KIND}
DOCS = Path(__file__).parents[2] / "docs" / "forecast.md"


@pytest.fixture(scope="module")
def busy(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Built:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demand_suspects, "_LEAST_SERIES", LEAST_SUSPECT_SERIES)
        return build(spark, tmp_path_factory.mktemp("busy"), BusyWorld())


@pytest.fixture(scope="module")
def oracle() -> ValueOracle:
    return ValueOracle(BusyWorld())


def differences(row: Any, expected: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    found = {name: None if pd.isna(row[name]) else row[name] for name in expected}
    return {
        name: (found[name], value)
        for name, value in expected.items()
        if (found[name] != value if isinstance(value, str) else found[name] != pytest.approx(value, abs=1e-9))
    }


def test_every_column_is_what_its_definition_says(busy: Built, oracle: ValueOracle) -> None:
    rows = (
        busy.features[~busy.features["is_future"]].set_index(["sku_code", "region_code", "week"]).sort_index()
    )
    wrong, compared = {}, 0
    for key, cells in oracle.cells.items():
        of_series = rows.loc[key].to_dict("index")
        for week in cells:
            expected = oracle.state(key, week) | oracle.plan(key, week)
            compared += len(expected)
            if found := differences(of_series[pd.Timestamp(monday(week))], expected):
                wrong[*key, week] = found
    assert not wrong, (len(wrong), next(iter(wrong.items())))
    assert compared > 20_000


def test_the_horizon_has_the_state_of_the_origin_and_the_plan_of_its_weeks(
    busy: Built, oracle: ValueOracle
) -> None:
    rows = busy.future.set_index(["sku_code", "region_code", "week"]).sort_index()
    for key in oracle.cells:
        of_series = rows.loc[key].to_dict("index")
        for week in range(WEEKS, WEEKS + HORIZON):
            expected = oracle.state(key, WEEKS) | oracle.plan(key, week)
            assert not differences(of_series[pd.Timestamp(monday(week))], expected), (key, week)


def test_every_value_occurs(oracle: ValueOracle) -> None:
    """A column that is the same everywhere would be right whatever its window."""
    cells = [(key, week) for key in oracle.cells for week in oracle.cells[key]]
    table = pd.DataFrame([oracle.state(*cell) | oracle.plan(*cell) for cell in cells])
    assert (table.nunique() >= 2).all(), table.nunique()
    assert table["weeks_into_promotion"].max() >= 3
    assert table["promos"].max() == 2
    assert table["discount"].max() == 0.95
    assert {"(unnamed)", "price_off", "display"} <= set(table["promo_type"])
    assert sum(oracle.cells[key][week]["contradicts"] for key, week in cells) > 5
    doubted = table.loc[table["calendar_trust"] < 1, "calendar_trust"]
    assert len(doubted) == 6 * len(FALSE_WEEKS)
    assert doubted.between(0.1, 0.5).all()


def test_the_false_weeks_are_named(busy: Built, oracle: ValueOracle) -> None:
    found = busy.figures["suspect_calendar_weeks"]
    assert [(each["week"], each["category"], each["share"]) for each in found] == [
        (str(monday(week)), "Tea", 1.0) for week in sorted(FALSE_WEEKS, reverse=True)
    ]
    assert [each["trust"] for each in found] == [
        pytest.approx(oracle.plan(("A-1", "N"), week)["calendar_trust"], abs=1e-3)
        for week in sorted(FALSE_WEEKS, reverse=True)
    ]


def test_no_column_goes_untested(oracle: ValueOracle) -> None:
    key = ("A-1", "N")
    here = {*oracle.state(key, WEEKS), *oracle.plan(key, WEEKS)}
    assert {*Oracle(World()).expected(key, WEEKS - 1), *here} >= LOOKED_AT


def test_every_column_has_its_definition_in_the_docs() -> None:
    defined = {re.sub(r"^(lag|mean)_\d+$", r"\1_n", name) for name in LOOKED_AT}
    table = DOCS.read_text().partition("### Every column")[2].partition("\n## ")[0]
    assert defined <= set(re.findall(r"`(\w+)`", table))


def test_what_was_in_stock_for_four_weeks_and_never_sold_is_forecast_as_nothing(busy: Built) -> None:
    """Whatever is planned: Z-20 is promoted within the horizon. What was never in stock could not have sold."""
    future = busy.future[busy.future["sku_code"].isin([*NEVER_SOLD, OUT_OF_STOCK])]
    types = future.groupby("sku_code")["model_type"].unique().map(list).to_dict()
    assert types == {
        "Z-2": ["category_profile"],
        "Z-4": ["zero"],
        "Z-20": ["zero"],
        "Z-60": ["zero"],
        OUT_OF_STOCK: ["category_profile"],
    }
    assert future["is_promoted"].sum() == 1
    known = future.groupby("sku_code")["weeks_known"].first().to_dict()
    assert known == {**NEVER_SOLD, OUT_OF_STOCK: 20}
    assert (busy.figures["zero_series"], busy.figures["fallback_series"]) == (4, 2)


def test_a_week_that_contradicts_its_flag_is_looked_back_at_as_not_promoted(busy: Built) -> None:
    """Its own row and its neighbours keep the plan: a forecast that was made before it had no more."""
    history = busy.features[~busy.features["is_future"]].set_index(["sku_code", "region_code", "week"])
    contradicting = history.index[history["contradicts"]]
    assert history.loc[contradicting, "is_promoted"].all()
    looked_back_at = 0
    for sku, region, week in contradicting:
        after = history.index.intersection([(sku, region, week + pd.Timedelta(weeks=1))])
        assert (history.loc[after, "promoted_before"] == 1).all()
        year_after = history.index.intersection([(sku, region, week + pd.Timedelta(weeks=52))])
        assert (history.loc[year_after, "year_ago_promoted"] == 0).all()
        looked_back_at += len(year_after)
    assert looked_back_at > 3


def test_the_series_that_contradict_most_are_named(busy: Built, oracle: ValueOracle) -> None:
    weeks = {key: sum(cell["contradicts"] for cell in cells.values()) for key, cells in oracle.cells.items()}
    named = sorted((-found, *key) for key, found in weeks.items() if found)
    assert busy.figures["contradicting_series"] == [
        {"sku_code": sku, "region_code": region, "weeks": -found} for found, sku, region in named
    ]
    assert len(named) > 3
    assert sum(weeks.values()) == busy.figures["contradicting_flags"]
