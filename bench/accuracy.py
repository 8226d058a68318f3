"""python -m bench.accuracy --keep FOLDER [--sets heavy,frequent]: is the forecast no worse than it was, nor than a peer?

Each set's figures are held against what they were when docs/forecast.md was written, and against the best peer of the same
run and our own forecast without one of its corrections. Prints four lines a set: the verdict, error and bias without each
correction, by origin our error, bias and coverage, and by level of sums our error, coverage and width. Progress goes to
stderr. Fails where one is worse. It takes minutes a set and is run by hand: `make accuracy`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from bench import frequent, invented
from bench.forecast import FEWEST_WEEKS, OURS, compare, nothing_printed
from bench.forecast_features import ROOT, Asked, open_spark
from bench.forecast_ours import ABLATIONS
from bench.forecast_peers import PEERS
from local.completejourney import Journey
from local.completejourney import tables as journey

METHODS = (OURS, *PEERS, *ABLATIONS)
OJ = ROOT.parent / "shared" / "data" / "oj"
"""Not ours to ship: held where it lies beside the repository, or where --oj says."""


@dataclass(frozen=True)
class Held:
    """Our figures as measured (docs/forecast.md). `noise` is the share of an error by which it may differ by chance."""

    wmape: float
    noise: float
    most_bias: float
    coverage: tuple[float, float]


@dataclass(frozen=True)
class Set:
    """`files` writes sales, promotions and articles into a folder, or says where they are."""

    files: Callable[[Path], dict[str, Path]]
    horizon: int
    origins: tuple[str, ...]
    held: Held


def _invented(kind: str) -> Callable[[Path], dict[str, Path]]:
    def write(folder: Path) -> dict[str, Path]:
        found = invented.tables(kind)
        for name, table in found.items():
            table.to_parquet(folder / f"{name}.parquet", index=False)
        return {name: folder / f"{name}.parquet" for name in ("sales", "promotions", "sku")}

    return write


def _journey(articles: int, regions: int) -> Callable[[Path], dict[str, Path]]:
    def write(folder: Path) -> dict[str, Path]:
        found = journey(Journey(articles, regions))
        files = {name: folder / f"{name}.parquet" for name in ("sales", "promotions", "sku")}
        for path, table in zip(files.values(), found, strict=True):
            pq.write_table(table, path)
        return files

    return write


def _lying_in(data: Path) -> Callable[[Path], dict[str, Path]]:
    return lambda _: {name: data / f"{name}.parquet" for name in ("sales", "promotions")}


_OF_FREQUENT = tuple((invented.FIRST_MONDAY + timedelta(weeks=week)).isoformat() for week in frequent.ORIGINS)
_OF_OTHERS = ("2023-10-02", "2023-11-27")
_OF_JOURNEY = ("2017-09-11", "2017-10-09", "2017-11-06", "2017-12-04")
_OF_OJ = ("2020-04-20", "2020-06-15", "2020-08-10")
SETS = {
    "journey": Set(_journey(250, 1), 4, _OF_JOURNEY, Held(0.296, 0.02, 0.04, (0.77, 0.82))),
    "journey-regions": Set(_journey(150, 4), 4, _OF_JOURNEY[1:3], Held(0.389, 0.02, 0.09, (0.77, 0.82))),
    "heavy": Set(_invented("heavy"), 8, _OF_OTHERS, Held(0.234, 0.02, 0.06, (0.77, 0.83))),
    "flagged": Set(_invented("flagged"), 8, _OF_OTHERS, Held(0.234, 0.02, 0.06, (0.77, 0.83))),
    "intermittent": Set(_invented("intermittent"), 8, _OF_OTHERS, Held(0.900, 0.01, 0.02, (0.78, 0.84))),
    "frequent": Set(_invented("frequent"), 8, _OF_FREQUENT[1::2], Held(0.420, 0.03, 0.18, (0.80, 0.88))),
}


def with_oj(data: Path) -> dict[str, Set]:
    """The real set with heavy promotions, where its files are."""
    if not (data / "sales.parquet").is_file():
        return SETS
    return {**SETS, "oj": Set(_lying_in(data), 8, _OF_OJ, Held(0.394, 0.03, 0.05, (0.75, 0.85)))}


def faults(held: Held, found: dict[str, Any]) -> Iterator[str]:
    """In what ours is worse than it was, than a peer, or than without a correction: none of it by chance."""
    ours = found[OURS]
    if ours["wmape"] > held.wmape * (1 + held.noise):
        yield f"error above {held.wmape:.3f}"
    if abs(ours["bias"]) > held.most_bias:
        yield f"bias beyond {held.most_bias:.3f}"
    if not held.coverage[0] <= ours["coverage80"] <= held.coverage[1]:
        yield f"coverage not {held.coverage[0]:.2f} to {held.coverage[1]:.2f}"
    for peer in (method for method in found if method in PEERS):
        if ours["wmape"] > found[peer]["wmape"] * (1 + held.noise):
            yield f"worse than {peer.replace('_', ' ')}"
    for other in (method for method in found if method in ABLATIONS):
        if _cost(ours) > _cost(found[other]) * (1 + held.noise):
            yield f"worse than {other.replace('_', ' ')}"


def _cost(found: dict[str, Any]) -> float:
    """Error and bias: of articles that mostly sell nothing, the error alone is least where hardly any are ordered."""
    return float(found["wmape"]) + abs(float(found["bias"]))


def verdict(name: str, held: Held, found: dict[str, Any]) -> tuple[str, bool]:
    """Four lines, and whether nothing is at fault."""
    ours, wrong = found[OURS], list(faults(held, found))
    peers = [method for method in found if method != OURS and method not in ABLATIONS]
    best = min(peers, key=lambda method: float(found[method]["wmape"]))
    corrections = " · ".join(
        f"{method.replace('_', ' ')} {found[method]['wmape']:.3f}, {found[method]['bias']:+.3f}"
        for method in ABLATIONS
        if method in found
    )
    return (
        f"{name:16} {ours['wmape']:.3f} (held {held.wmape:.3f}), best peer {best} {found[best]['wmape']:.3f}, "
        f"bias {ours['bias']:+.3f}, coverage {ours['coverage80']:.2f}: {'WORSE: ' + '; '.join(wrong) if wrong else 'good'}\n"
        f"{'':16} {corrections}\n"
        f"{'':16} {' · '.join(_of_origin(*each) for each in ours['by_origin'].items())}\n"
        f"{'':16} {' · '.join(_of_level(*each) for each in ours['by_level'].items())}",
        not wrong,
    )


def _of_origin(day: str, found: dict[str, Any]) -> str:
    return f"{day} {found['wmape']:.3f}, {found['bias']:+.3f}, {found['coverage80']:.2f}"


def _of_level(level: str, found: dict[str, Any]) -> str:
    """Of its bounds, coverage and width over what was sold; the same if they were added, and if series were independent."""
    inside, added, independent = (
        f"{bounds['coverage80']:.2f}, {bounds['width']:.2f}"
        for bounds in (found, found["added"], found["independent"])
    )
    return f"{level} {found['wmape']:.3f}, {inside} (added {added}; independent {independent})"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.accuracy", description=__doc__)
    parser.add_argument("--keep", type=Path, required=True, help="for the data and the feature tables")
    parser.add_argument("--oj", type=Path, default=OJ, help="the folder of the set oj")
    parser.add_argument("--sets", help="which of them; all that there are")
    given = parser.parse_args(arguments)
    there = with_oj(given.oj)
    worse = []
    for name in given.sets.split(",") if given.sets else there:
        one, folder = there[name], given.keep / name
        folder.mkdir(parents=True, exist_ok=True)
        origins = [date.fromisoformat(day) for day in one.origins]
        with nothing_printed():
            asked = Asked(one.files(folder), one.horizon, origins, FEWEST_WEEKS)
            found = compare(asked, open_spark, METHODS, kept=given.keep, levels=True)
        line, good = verdict(name, one.held, found)
        print(line, flush=True)
        worse += [] if good else [name]
    if worse:
        sys.exit(f"worse than it was, than a peer, or than without a correction: {', '.join(worse)}")


if __name__ == "__main__":
    main()
