"""The picture of a backtest: what was sold, what was forecast and between which bounds, summed over series."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import pandas as pd

matplotlib.use("Agg")
from matplotlib import pyplot

from jobs.sagemaker.panel import Panel

_WEEKS_BEFORE = 40


def draw(panel: Panel, rows: pd.DataFrame, scores: dict[str, dict[str, float | None]], path: Path) -> None:
    figure, (total, one) = pyplot.subplots(2, 1, figsize=(11, 7.5), constrained_layout=True)
    first = max(0, panel.index(rows["origin"].min().to_datetime64()) - _WEEKS_BEFORE)
    weeks = panel.weeks[first:]
    total.plot(weeks, pd.DataFrame(panel.units[:, first:]).sum().to_numpy(), color="black", label="sold")
    for number, (origin, group) in enumerate(rows.groupby("origin")):
        by_week = group.groupby("week")[["predicted_units", "mean4", "seasonal_naive"]].sum()
        total.plot(
            by_week.index, by_week["predicted_units"], "C0", lw=2, label=None if number else "forecast"
        )
        total.plot(by_week.index, by_week["mean4"], "C1:", label=None if number else "mean of 4 weeks")
        if rows["year_ago_known"].any():
            total.plot(by_week.index, by_week["seasonal_naive"], "C2:", label=None if number else "year ago")
        total.axvline(origin, color="grey", lw=0.5)
    error = scores["model"]["wmape"]
    total.set_title(
        f"All series: WMAPE {error:.1%} at (sku, region) level" if error is not None else "All series"
    )
    _typical_series(panel, rows, one, first)
    for axes in (total, one):
        axes.set_ylabel("units a week")
        axes.set_ylim(bottom=0)
        axes.legend(loc="upper left", fontsize=8)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    pyplot.close(figure)


def _typical_series(panel: Panel, rows: pd.DataFrame, axes: pyplot.Axes, first: int) -> None:
    """The largest one, because there a person sees most."""
    sums = rows.groupby(["sku_code", "region_code"])["actual_units"].sum()
    keys = list(zip(panel.series["sku_code"], panel.series["region_code"], strict=True))
    sold = sums.to_dict()
    number = max(range(len(keys)), key=lambda index: sold.get(keys[index], 0.0))
    sku, region = keys[number]
    axes.plot(panel.weeks[first:], panel.units[number, first:], color="black", label="sold")
    of_series = rows[(rows["sku_code"] == sku) & (rows["region_code"] == region)]
    for index, (_, group) in enumerate(of_series.groupby("origin")):
        axes.plot(group["week"], group["predicted_units"], "C0", lw=2, label=None if index else "forecast")
        label = None if index else "80% interval"
        axes.fill_between(group["week"], group["lower"], group["upper"], color="C0", alpha=0.2, label=label)
    promoted = of_series[of_series["is_promoted"]]
    axes.plot(promoted["week"], promoted["actual_units"], "C3^", ms=5, label="promoted week")
    axes.set_title(f"{sku} in {region}")
