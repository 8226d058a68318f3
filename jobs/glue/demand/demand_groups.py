"""Figures that many series share: of a category, of a category in a region, of an article over all regions.

Each week of a group is summed up first and the windows run over those sums: over the rows themselves a window of two
years of a large category would hold everything there is, for every row anew.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.window import WindowSpec

IN_REGION = ("category", "region_code")
SEASON_WEEKS = 26
"""Weeks that the level around a year-ago week must have been seen in."""


def past(window: WindowSpec, weeks: int | None = None) -> WindowSpec:
    return window.rangeBetween(Window.unboundedPreceding if weeks is None else -weeks, -1)


def season(then: Column, level: Column, weeks: Column) -> Column:
    return F.when((weeks >= SEASON_WEEKS) & then.isNotNull(), F.log((then + 0.5) / (level + 0.5)))


def _ratio(total: str, count: str, window: WindowSpec) -> Column:
    """Null over nothing: the mean of no row is not zero."""
    rows = F.sum(count).over(window)
    return F.when(rows > 0, F.sum(total).over(window) / rows)


def _weekly(cells: DataFrame, by: tuple[str, ...], *measures: str) -> DataFrame:
    sums = [part for name in measures for part in (F.sum(name).alias(name), F.count(name).alias(f"n_{name}"))]
    return cells.groupBy(*by, "week_no").agg(*sums)


def _joined(
    cells: DataFrame, weekly: DataFrame, by: tuple[str, ...], figures: dict[str, Column]
) -> DataFrame:
    found = weekly.select(*by, "week_no", *(figure.alias(name) for name, figure in figures.items()))
    return cells.join(F.broadcast(found), [*by, "week_no"])


def with_category_season(cells: DataFrame) -> DataFrame:
    weeks = Window.partitionBy(*IN_REGION).orderBy("week_no")
    then, level = weeks.rangeBetween(-53, -51), weeks.rangeBetween(-77, -27)
    seen = F.count(F.when(F.col("n_units") > 0, 1)).over(level)
    figures = {
        "category_season": season(_ratio("units", "n_units", then), _ratio("units", "n_units", level), seen)
    }
    return _joined(cells, _weekly(cells, IN_REGION, "units"), IN_REGION, figures)


def with_group_state(cells: DataFrame) -> DataFrame:
    """Needs `lift`: what each promoted week did to its series."""
    of_sku = Window.partitionBy("sku_code").orderBy("week_no")
    cells = _joined(
        cells,
        _weekly(cells, ("sku_code",), "lift"),
        ("sku_code",),
        {
            "sku_lift": _ratio("lift", "n_lift", past(of_sku, 104)),
            "sku_promotions": F.coalesce(F.sum("n_lift").over(past(of_sku, 104)), F.lit(0)),
        },
    )
    return _with_profile(_with_trend(cells))


def _with_trend(cells: DataFrame) -> DataFrame:
    weeks = Window.partitionBy(*IN_REGION).orderBy("week_no")
    figures = {
        "category_trend": _ratio("units", "n_units", past(weeks, 4))
        / (_ratio("units", "n_units", past(weeks, 26)) + 0.01),
        "__in_region": _ratio("units", "n_units", past(weeks, 13)),
    }
    return _joined(cells, _weekly(cells, IN_REGION, "units"), IN_REGION, figures)


def _with_profile(cells: DataFrame) -> DataFrame:
    """What a series of the category sells in the region: all there is to go by where a series has no history."""
    of_category = Window.partitionBy("category").orderBy("week_no")
    cells = _joined(
        cells,
        _weekly(cells, ("category",), "lift", "units"),
        ("category",),
        {
            "category_lift": _ratio("lift", "n_lift", past(of_category, 104)),
            "__of_category": _ratio("units", "n_units", past(of_category, 13)),
        },
    )
    everything = past(Window.orderBy("week_no"), 13)
    cells = _joined(
        cells, _weekly(cells, (), "units"), (), {"__overall": _ratio("units", "n_units", everything)}
    )
    profile = F.coalesce("__in_region", "__of_category", "__overall")
    return cells.withColumn("profile_units", profile).drop("__in_region", "__of_category", "__overall")
