"""The feature table: against an independent computation, and that no week knows of itself or of what comes later."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from jobs import demand_columns as columns
from jobs.glue import demand_features, session
from jobs.glue.demand import demand_manifest
from jobs.glue.errors import DataError
from jobs.glue.storage import Storage
from jobs.sagemaker.panel import read_features
from tests.jobs.demand_world import AS_OF, FIRST, HORIZON, WEEKS, Oracle, World

pytestmark = pytest.mark.spark

OUTCOMES = [
    "units",
    "price",
    "price_index",
    "stockout_days",
    "is_stockout",
    "contradicts",
    "is_cut",
    "is_normal",
]


@dataclass
class Built:
    world: World
    figures: dict[str, Any]
    features: pd.DataFrame
    future: pd.DataFrame


def build(spark: SparkSession, folder: Path, world: World, **changes: Any) -> Built:
    document = {
        "run_id": "it's run 1",
        "as_of": AS_OF.isoformat(),
        "horizon_weeks": HORIZON,
        "output": f"file://{folder}/out",
        "tables": world.write(folder / "tables"),
        **changes,
    }
    session.configure(spark)
    work = demand_manifest.parse(json.dumps(document), "manifest.json")
    figures = demand_features.build(spark, Storage(spark), work)
    output = folder / "out"
    frames = [read_features(output / name) for name in ("features", "future")]
    assert sorted(path.name for path in output.iterdir()) == ["features", "future"]
    return Built(world, figures, *(frame.assign(week=pd.to_datetime(frame["week"])) for frame in frames))


@pytest.fixture(scope="module")
def built(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(spark, tmp_path_factory.mktemp("world"), World())


def test_every_feature_is_what_its_definition_says(built: Built) -> None:
    oracle = Oracle(built.world)
    rows = built.features[~built.features["is_future"]].set_index(["sku_code", "region_code", "week"])
    compared = 0
    for key, cells in oracle.cells.items():
        for week in cells:
            row = rows.loc[(*key, pd.Timestamp(FIRST + timedelta(weeks=week)))]
            for name, expected in oracle.expected(key, week).items():
                found = None if pd.isna(row[name]) else float(row[name])
                assert found == pytest.approx(expected, abs=1e-9), (key, week, name)
                compared += 1
    assert compared > 15_000


def test_a_changed_future_changes_no_earlier_feature(
    built: Built, spark: SparkSession, tmp_path: Path
) -> None:
    """Units, prices, stock and what they prove of the calendar's flags all change from week 70 on.

    Promotions from week 72 on: week 70 knows what is planned for the week after it.
    """
    turn = 70
    other = World()
    for key, units in other.units.items():
        other.units[key] = units[:turn] + [3 * unit + 7 for unit in units[turn:]]
        for week in range(turn, WEEKS):
            other.price[(*key, week)] = 3.0 if week % 2 else 30.0
    other.stockouts |= {("A-1", "N", week) for week in range(turn, WEEKS)}
    other.promos = {cell: what for cell, what in other.promos.items() if cell[2] < turn + 2} | {
        (*key, week): (0.5, "bundle") for key in other.units for week in range(turn + 2, WEEKS, 4)
    }
    changed = build(spark, tmp_path, other)
    key = ["sku_code", "region_code", "week", "is_future"]
    last = pd.Timestamp(FIRST + timedelta(weeks=turn))

    def known(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
        rows = frame[(frame["week"] <= last) & ~frame["is_future"]]
        return rows.sort_values(key).reset_index(drop=True)[[*key, *names]]

    features = [columns.KIND, *columns.PLAN, *columns.STATE]
    pd.testing.assert_frame_equal(known(built.features, features), known(changed.features, features))
    before = (built.features["week"] < last, changed.features["week"] < last)
    pd.testing.assert_frame_equal(
        known(built.features[before[0]], OUTCOMES), known(changed.features[before[1]], OUTCOMES)
    )

    def later(frame: pd.DataFrame, name: str) -> int:
        rows = frame[(frame["week"] > last) & ~frame["is_future"]]
        return int(rows[name].sum())

    assert later(changed.features, "units") > 3 * later(built.features, "units")
    assert later(built.features, "is_stockout") == 0
    assert later(changed.features, "is_stockout") == WEEKS - turn - 1
    assert later(changed.features, "is_promoted") == 8 * 7
    assert later(built.features, "is_promoted") not in (0, 8 * 7)


def test_what_later_calendars_withdraw_was_still_planned(
    built: Built, spark: SparkSession, tmp_path: Path
) -> None:
    """The forecast of a past day: a calendar of that day, and one of the week after, have no line of its horizon."""
    world = World()
    world.later_calendars = [AS_OF, AS_OF + timedelta(weeks=1)]
    plan = ["sku_code", "region_code", "week", columns.KIND, *columns.PLAN]
    assert built.future["is_promoted"].sum() > 2
    pd.testing.assert_frame_equal(build(spark, tmp_path, world).future[plan], built.future[plan])


def test_a_calendar_that_ends_before_the_horizon_is_said_to(spark: SparkSession, tmp_path: Path) -> None:
    longer = build(spark, tmp_path, World(), horizon_weeks=HORIZON + 3)
    assert longer.figures["calendar_reaches"] == str(AS_OF + timedelta(weeks=HORIZON - 1))
    assert longer.figures["weeks_without_calendar"] == 3
    promoted = longer.future.groupby("step")["is_promoted"].sum()
    assert promoted[HORIZON] > 0
    assert promoted[promoted.index > HORIZON].tolist() == [0, 0, 0]


def test_the_calendar_of_a_series_has_every_week_and_sums_are_exact(built: Built) -> None:
    history = built.features[~built.features["is_future"]]
    weeks = history.groupby(["sku_code", "region_code"])["week"].agg(["min", "max", "count", "nunique"])
    assert (weeks["count"] == weeks["nunique"]).all()
    assert (weeks["count"] == (weeks["max"] - weeks["min"]).dt.days // 7 + 1).all()
    assert weeks.loc[("A-1", "N"), "count"] == WEEKS
    assert weeks.loc[("A-3", "N"), "count"] == WEEKS - 20
    assert set(history["week"].dt.weekday) == {0}
    turn = history[(history["sku_code"] == "B-1") & (history["region_code"] == "S")].set_index("week")[
        "iso_week"
    ]
    assert turn.loc["2020-12-21":"2021-01-11"].tolist() == [52, 53, 1, 2]
    sold = sum(sum(units) for units in built.world.units.values())
    assert built.figures["units_after_as_of"] == 9 * 8 * 500
    assert built.figures["units_total"] == built.figures["units_read"] == history["units"].sum() == sold


def test_a_week_whose_sunday_was_not_delivered_is_open(spark: SparkSession, tmp_path: Path) -> None:
    """Also where later days are there already: they prove nothing of the Sunday."""
    world = World()
    world.undelivered = {AS_OF - timedelta(days=1)}
    built = build(spark, tmp_path, world)
    figures, history = built.figures, built.features[~built.features["is_future"]]
    last = FIRST + timedelta(weeks=WEEKS - 2)
    assert (figures["delivered_to"], figures["last_week"]) == (str(last + timedelta(days=7)), str(last))
    assert history["week"].max() == pd.Timestamp(last)
    of_monday = sum(units[-1] // 2 for units in world.units.values())
    assert figures["units_open_week"] == of_monday > 0
    assert figures["units_total"] == sum(sum(units[:-1]) for units in world.units.values())
    assert figures["units_read"] == figures["units_total"] + of_monday
    assert built.future["step"].tolist() == [2, 3, 4, 5] * 10
    rows = built.future.set_index(["sku_code", "region_code", "step"])
    assert rows.loc[("B-1", "S", 2)]["lag_1"] == world.units["B-1", "S"][-2]


def test_a_week_without_any_sale_is_missing_and_not_zero(built: Built) -> None:
    holes = [FIRST + timedelta(weeks=week) for week in (40, 41, 42)]
    assert built.figures["weeks_without_sales"] == [str(week) for week in holes]
    history = built.features[~built.features["is_future"]]
    missing = history[history["week"].isin([pd.Timestamp(week) for week in holes])]
    assert len(missing) == 3 * 9
    assert missing["is_stockout"].all()
    assert not missing["is_normal"].any()
    zeros = history[(history["sku_code"] == "A-2") & (history["region_code"] == "S")].set_index("week")
    sold_nothing = zeros.loc[str(FIRST + timedelta(weeks=50)) : str(FIRST + timedelta(weeks=53))]
    assert sold_nothing["units"].tolist() == [0, 0, 0, 0]
    assert not sold_nothing["is_stockout"].any()
    assert sold_nothing["is_normal"].any()


def test_a_series_of_the_open_week_is_forecast_and_articles_of_no_series_are_counted(
    spark: SparkSession, tmp_path: Path
) -> None:
    """As of a Thursday: sold from Monday on and never before, with neither stock nor promotion."""
    as_of = AS_OF + timedelta(days=3)
    world = World()
    world.late_orders = [(("A-4", "N"), AS_OF + timedelta(days=1), 7)]
    world.other_articles = [
        ("A-4", True, None),
        ("IDLE-1", True, None),
        ("IDLE-2", None, as_of),
        ("GONE-1", None, as_of - timedelta(days=1)),
        ("GONE-2", False, None),
    ]
    built = build(spark, tmp_path, world, as_of=as_of.isoformat())
    figures = built.figures
    assert (figures["series"], figures["fallback_series"]) == (11, 2)
    assert figures["articles_without_series"] == 2
    assert figures["rows_future"] == len(built.future) == 11 * HORIZON
    assert figures["units_open_week"] == 3 * 8 * 500 + 7
    assert figures["units_read"] == figures["units_total"] + figures["units_open_week"]
    new = built.future.set_index(["sku_code", "region_code"]).loc[("A-4", "N")]
    assert set(new["model_type"]) == {"category_profile"}
    assert (new["profile_units"] > 0).all()
    assert set(new["category"]) == {"Tea"}
    assert new["lag_1"].isna().all()
    assert built.features[~built.features["is_future"]]["sku_code"].ne("A-4").all()


def test_figures_and_the_horizon(built: Built) -> None:
    figures, future = built.figures, built.future
    assert (figures["weeks"], figures["calendar_weeks"], figures["series"]) == (WEEKS - 3, WEEKS, 10)
    assert figures["delivered_to"] == str(AS_OF - timedelta(days=1))
    assert figures["rows_future"] == len(future) == 10 * HORIZON
    assert figures["rows_history"] == 6 * WEEKS + 2 * (WEEKS - 20) + WEEKS
    assert (figures["fallback_series"], figures["zero_series"]) == (1, 1)
    assert figures["articles_without_series"] == 0
    assert figures["contradicting_flags"] == int(built.features["contradicts"].fillna(False).sum()) > 5
    assert figures["calendar_reaches"] == str(AS_OF + timedelta(weeks=HORIZON - 1))
    assert figures["weeks_without_calendar"] == 0
    assert sorted(future["week"].unique()) == [
        pd.Timestamp(AS_OF + timedelta(weeks=n)) for n in range(HORIZON)
    ]
    assert future["step"].tolist() == [1, 2, 3, 4] * 10
    types = future.groupby(["sku_code", "region_code"])["model_type"].unique().map(list)
    assert types["A-1", "NEW"] == ["category_profile"]
    assert types["C-9", "N"] == ["zero"]
    assert types["A-3", "S"] == ["model"]
    assert set(future["run_id"]) == {"it's run 1"}


def test_a_horizon_row_has_the_state_of_the_origin_and_the_plan_of_its_week(built: Built) -> None:
    rows = built.future.set_index(["sku_code", "region_code", "step"])
    units = built.world.units["B-1", "S"]
    for step in range(1, HORIZON + 1):
        row = rows.loc[("B-1", "S", step)]
        assert (row["lag_1"], row["lag_4"], row["weeks_known"]) == (units[-1], units[-4], WEEKS)
        assert row["year_ago_units"] == units[WEEKS + step - 1 - 52]
        assert bool(row["is_promoted"]) == (("B-1", "S", WEEKS + step - 1) in built.world.promos)
    assert built.future["units"].isna().all()
    on_hold, withdrawn = rows.loc[("B-1", "N", HORIZON)], rows.loc[("A-2", "S", HORIZON - 1)]
    assert not on_hold["is_promoted"]
    assert not withdrawn["is_promoted"]
    assert rows.loc[("A-1", "NEW", HORIZON)]["is_promoted"]
    assert rows.loc[("A-1", "NEW", 1)]["profile_units"] > 0


def test_every_column_that_the_model_looks_at_is_made(built: Built) -> None:
    wanted = {*columns.KEY, columns.KIND, *columns.PLAN, *columns.STATE}
    assert wanted <= set(built.features.columns)
    assert wanted <= set(built.future.columns)


def test_too_little_history_says_how_much_there_is(spark: SparkSession, tmp_path: Path) -> None:
    """Three of the weeks until then are holes."""
    as_of = FIRST + timedelta(weeks=62)
    told = f"there are 59 weeks with sales before {as_of}, of 62 since the first; a forecast needs 60"
    with pytest.raises(DataError, match=told):
        build(spark, tmp_path, World(), as_of=as_of.isoformat())


def test_a_stray_order_of_years_ago_is_no_history(spark: SparkSession, tmp_path: Path) -> None:
    world = World()
    for key, units in world.units.items():
        world.units[key] = [0] * (WEEKS - 12) + units[-12:]
    world.units["B-1", "N"][0] = 4
    with pytest.raises(
        DataError, match=f"there are 13 weeks with sales before {AS_OF}, of 100 since the first"
    ):
        build(spark, tmp_path, world)


def types_of(built: Built, sku: str, region: str) -> list[str]:
    rows = built.future.set_index(["sku_code", "region_code"]).sort_values("week")
    return list(rows.loc[(sku, region), "model_type"])


def test_what_the_master_says_is_not_on_sale_is_forecast_as_nothing(
    spark: SparkSession, tmp_path: Path
) -> None:
    """A-2 is no longer active but sells; A-9 waits in the warehouse for its launch in the horizon's third week."""
    world = World()
    world.inactive = {"A-2", "A-9"}
    world.launches = {"A-9": AS_OF + timedelta(weeks=2, days=3), "B-1": FIRST}
    world.other_articles = [("A-9", False, None)]
    world.stocked = [(("A-9", "N"), AS_OF - timedelta(days=back), 90) for back in range(1, 60)]
    built = build(spark, tmp_path, world)
    assert types_of(built, "A-2", "N") == types_of(built, "A-2", "S") == ["zero"] * HORIZON
    assert types_of(built, "A-9", "N") == ["zero", "zero", "category_profile", "category_profile"]
    assert types_of(built, "B-1", "N") == ["model"] * HORIZON
    assert built.figures["off_sale_but_selling"] == 2
    history = built.features[~built.features["is_future"]]
    assert (history["sku_code"] == "A-9").sum() == 0
    assert (history["sku_code"] == "A-2").sum() == 2 * WEEKS


def test_stock_that_waited_for_its_launch_is_no_week_without_demand(
    built: Built, spark: SparkSession, tmp_path: Path
) -> None:
    assert types_of(built, "C-9", "N") == ["zero"] * HORIZON
    world = World()
    world.other_articles = [("C-9", True, None)]
    world.launches = {"C-9": AS_OF - timedelta(weeks=2)}
    launched = build(spark, tmp_path, world)
    assert types_of(launched, "C-9", "N") == ["category_profile"] * HORIZON
    rows = launched.features[~launched.features["is_future"]]
    assert (rows["sku_code"] == "C-9").sum() == 2


def test_what_was_delivered_later_is_not_known_yet(built: Built, spark: SparkSession, tmp_path: Path) -> None:
    """The last four weeks' orders and stock were corrected after the day: it is as if they had never been delivered."""
    since = AS_OF - timedelta(weeks=4)
    corrected, silent = World(), World()
    corrected.redelivered = {
        day: AS_OF + timedelta(days=n % 3) for n in range(28) for day in (since + timedelta(days=n),)
    }
    corrected.stocked = [(("A-1", "N"), since + timedelta(days=n), 0) for n in range(28)]
    for key, units in silent.units.items():
        silent.units[key] = [*units[:-4], 0, 0, 0, 0]
    late, never = build(spark, tmp_path / "late", corrected), build(spark, tmp_path / "never", silent)
    key = ["sku_code", "region_code", "week"]
    pd.testing.assert_frame_equal(
        late.features.sort_values(key).reset_index(drop=True),
        never.features.sort_values(key).reset_index(drop=True),
    )
    assert late.figures["delivered_to"] == str(since - timedelta(days=1))
    lost = sum(sum(units[-4:]) for units in corrected.units.values())
    assert (late.figures["units_delivered_later"], never.figures["units_delivered_later"]) == (lost, 0)
    assert late.figures["units_read"] == built.figures["units_read"] - lost == never.figures["units_read"]


def test_sales_of_which_nothing_was_delivered_in_time_say_so(spark: SparkSession, tmp_path: Path) -> None:
    world = World()
    days = (FIRST + timedelta(days=n) for n in range(7 * WEEKS))
    world.redelivered = dict.fromkeys(days, AS_OF)
    with pytest.raises(
        DataError, match=r"there are 0 weeks .* units more were sold before that day, but delivered"
    ):
        build(spark, tmp_path, world)


def test_an_order_of_a_century_ago_spans_no_century(
    built: Built, spark: SparkSession, tmp_path: Path
) -> None:
    world = World()
    world.late_orders = [(("A-1", "N"), date(1925, 3, 2), 7), (("B-1", "S"), date(2014, 1, 6), 5)]
    stray = build(spark, tmp_path, world)
    assert stray.figures["units_too_old"] == 12
    assert stray.figures["units_read"] == built.figures["units_read"] + 12
    assert stray.figures["rows_history"] == built.figures["rows_history"]
    key = ["sku_code", "region_code", "week"]
    pd.testing.assert_frame_equal(
        stray.features.sort_values(key).reset_index(drop=True),
        built.features.sort_values(key).reset_index(drop=True),
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tables": {}}, "names no file of sales"),
        ({"tables": {"weather": {"files": []}}}, "unknown tables: weather"),
        ({"horizon_weeks": 27}, "asks for 27 weeks; 1 to 26 are possible"),
        ({"as_of": "soon"}, "cannot be read"),
        ({"run_id": None, "output": 3}, "cannot be read"),
    ],
)
def test_manifests_that_cannot_be_worked_on(changes: dict[str, Any], message: str) -> None:
    document = {
        "run_id": "r", "as_of": "2025-01-06", "horizon_weeks": 13, "output": "s3://lake/out",
        "tables": {"sales": {"snapshot_id": 1, "files": ["s3://lake/a.parquet"]}}, **changes,
    }  # fmt: skip
    with pytest.raises(DataError, match=message):
        demand_manifest.parse(json.dumps(document), "manifest.json")


@pytest.mark.parametrize(
    ("as_of", "first"),
    [
        (date(2026, 1, 5), date(2026, 1, 5)),
        (date(2026, 1, 6), date(2026, 1, 12)),
        (date(2020, 12, 29), date(2021, 1, 4)),
    ],
)
def test_the_first_forecast_week_starts_on_or_after_as_of(as_of: date, first: date) -> None:
    work = demand_manifest.FeatureWork("r", as_of, 13, "s3://x", {"sales": ("a",)})
    assert demand_manifest.monday_of(work.first_forecast_week) == first


def test_a_large_future_is_several_requests(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batch transform refuses a request of more than 100 MB."""
    monkeypatch.setattr(demand_features, "ROWS_A_REQUEST", 10)
    rows = spark.range(30).selectExpr(
        "concat('SKU-', id % 5) AS sku_code",
        "'N' AS region_code",
        "date_add(DATE'2025-01-06', int(id DIV 5) * 7) AS week",
        "id < 25 AS is_future",
    )
    rows.write.parquet(f"{tmp_path}/features")
    demand_features.write_future(spark, str(tmp_path))
    files = sorted((tmp_path / "future").glob("*.parquet"))
    read = [pd.read_parquet(file) for file in files]
    assert [len(frame) for frame in read] == [10, 10, 5]
    together = pd.concat(read)
    assert together["sku_code"].tolist() == [f"SKU-{n}" for n in range(5) for _ in range(5)]
    assert together["is_future"].all()
