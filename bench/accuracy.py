"""python -m bench.accuracy --keep FOLDER [--sets heavy,frequent]: is the forecast no worse than it was, nor than a peer?

Each set's WMAPE is held against what it was when docs/forecast.md was written, and against the best peer of the same run.
Prints a line a set and fails where one is worse. It takes minutes a set; `make accuracy` runs it at night.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from bench import frequent, invented
from bench.forecast import FEWEST_WEEKS, OURS, compare
from bench.forecast_features import Asked, open_spark
from local.completejourney import Journey
from local.completejourney import tables as journey

METHODS = (OURS, "xgboost_plain", "mlforecast_lgbm", "autoets", "mean4")
NOISE = 0.01
"""By how much the WMAPE of the same method differs by chance: less is no difference."""


@dataclass(frozen=True)
class Set:
    """`held` is our WMAPE as measured; what `write` puts into a folder is sales, promotions and articles."""

    write: Callable[[Path], None]
    horizon: int
    origins: tuple[str, ...]
    held: float


def _invented(kind: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        for name, table in invented.tables(kind).items():
            table.to_parquet(folder / f"{name}.parquet", index=False)

    return write


def _journey(articles: int, regions: int) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        found = journey(Journey(articles, regions))
        for name, table in zip(("sales", "promotions", "sku"), found, strict=True):
            pq.write_table(table, folder / f"{name}.parquet")

    return write


_OF_FREQUENT = tuple((invented.FIRST_MONDAY + timedelta(weeks=week)).isoformat() for week in frequent.ORIGINS)
_OF_OTHERS = ("2023-10-02", "2023-11-27")
SETS = {
    "journey": Set(_journey(250, 1), 4, ("2017-09-11", "2017-10-09", "2017-11-06", "2017-12-04"), 0.296),
    "journey-regions": Set(_journey(150, 4), 4, ("2017-10-09", "2017-11-06"), 0.392),
    "heavy": Set(_invented("heavy"), 8, _OF_OTHERS, 0.234),
    "flagged": Set(_invented("flagged"), 8, _OF_OTHERS, 0.234),
    "intermittent": Set(_invented("intermittent"), 8, _OF_OTHERS, 0.904),
    "frequent": Set(_invented("frequent"), 8, _OF_FREQUENT[1::2], 0.420),
}


def verdict(name: str, held: float, found: dict[str, Any]) -> tuple[str, bool]:
    """One line, and whether ours is neither worse than it was nor than the best peer, but for chance."""
    ours = found[OURS]["wmape"]
    best = min(
        (method for method in found if method != OURS), key=lambda method: float(found[method]["wmape"])
    )
    peer = found[best]["wmape"]
    good = ours <= held + NOISE and ours <= peer + NOISE
    return (
        f"{name:16} {ours:.3f} (held {held:.3f}), best peer {best} {peer:.3f}, bias {found[OURS]['bias']:+.3f}, "
        f"coverage {found[OURS]['coverage80']:.2f}: {'good' if good else 'WORSE'}",
        good,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.accuracy", description=__doc__)
    parser.add_argument("--keep", type=Path, required=True, help="for the data and the feature tables")
    parser.add_argument("--sets", default=",".join(SETS), help="which of them")
    given = parser.parse_args(arguments)
    worse = []
    for name in given.sets.split(","):
        one, folder = SETS[name], given.keep / name
        folder.mkdir(parents=True, exist_ok=True)
        one.write(folder)
        files = {part: folder / f"{part}.parquet" for part in ("sales", "promotions", "sku")}
        origins = [date.fromisoformat(day) for day in one.origins]
        found = compare(
            Asked(files, one.horizon, origins, FEWEST_WEEKS), open_spark, METHODS, kept=given.keep
        )
        line, good = verdict(name, one.held, found)
        print(line, flush=True)
        worse += [] if good else [name]
    if worse:
        sys.exit(f"worse than it was, or than a peer: {', '.join(worse)}")


if __name__ == "__main__":
    main()
