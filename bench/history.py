"""python -m bench.history --customers 1000000: silver's run beside a MERGE as tutorials write it and dbt's snapshot.

So many customers are in bronze and in the tables; then 1% of them change. Each way is a process of its own, one after the
other: silver's job, the same with ten times the history and the same change, the MERGE in the same Spark, and dbt's
snapshot on DuckDB. Then the histories of twelve order and delete cases, ours and dbt's. Prints both tables and adds a line
to bench/results/history.jsonl; progress goes to stderr.

CPU is of the whole process tree, with the start of the JVM.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench import history_cases, measure
from bench.history_bronze import PER_MILLE, write_version
from bench.history_cases import START, Period, hour
from bench.history_dbt import Snapshot, environment
from bench.history_ours import Ours, rows_of
from bench.history_ours import environment as spark_environment
from bench.sales_etl import spark_submit

DATA = Path(__file__).parent / "data" / "history"
RESULTS = Path(__file__).parent / "results" / "history.jsonl"
GOAL = 1.3
Judged = dict[str, dict[str, tuple[bool, list[Period]]]]


def costs(customers: int, changed: float, factor: int, dbt: Path, folder: Path) -> dict[str, Any]:
    """What the same change costs each way, after a first run that is not measured."""
    per_mille = round(changed * PER_MILLE)
    found: dict[str, Any] = {}
    for versions in (1, factor):
        at = folder / f"{versions}x"
        bronze = [write_version(at / "bronze", customers, each) for each in range(1, versions + 1)]
        change = write_version(at / "change", customers, factor + 1, per_mille)
        ours = Ours(at / "ours")
        _say(f"silver, first run of {customers:,} customers, {versions} versions each ...")
        found[f"silver, whole, {versions} x history"] = _figures(ours.run(bronze))
        table = ",".join(ours.files["dim_customers"])
        _say("silver, the change ...")
        found[f"silver, {versions} x history"] = _figures(ours.run([*bronze, change]))
        _say("MERGE, the change ...")
        merge = spark_submit("bench/history_merge.py", table, str(change), str(at / "merged"))
        told = measure.run(merge, spark_environment(), at / "merge.log")
        found[f"MERGE, {versions} x history"] = _figures(told)
        require_same(ours, at / "merged")
        if versions == 1:
            _say("dbt, first run and the change ...")
            snapshot = Snapshot(dbt, at / "dbt", ("timestamp",))
            snapshot.run(bronze)
            found["dbt snapshot, 1 x history"] = _figures(snapshot.run([*bronze, change]))
    return found


def require_same(ours: Ours, merged: Path) -> None:
    """All is delivered in order here, so that the MERGE is right too: both have the same history."""
    whole = "count(*), sum(hash(customer_version_key, customer_id, address_standardized, effective_at, expired_at))"
    by_merge = [str(path) for path in sorted(merged.glob("*.parquet"))]
    if ours.rows(whole) != rows_of(by_merge, whole):
        raise RuntimeError("silver's history differs from the MERGE's")


def _figures(cost: measure.Cost) -> dict[str, float]:
    figures = {**vars(cost), "load": round(os.getloadavg()[0], 1)}
    _say(f"  {figures}")
    return figures


def ratios(found: dict[str, Any], factor: int) -> dict[str, float]:
    def cpu(way: str) -> float:
        return float(found[way]["cpu_seconds"])

    one, more = "1 x history", f"{factor} x history"
    return {
        f"silver at {factor} x / 1 x": round(cpu(f"silver, {more}") / cpu(f"silver, {one}"), 2),
        f"MERGE at {factor} x / 1 x": round(cpu(f"MERGE, {more}") / cpu(f"MERGE, {one}"), 2),
        "silver / MERGE, 1 x": round(cpu(f"silver, {one}") / cpu(f"MERGE, {one}"), 2),
        f"silver / MERGE, {factor} x": round(cpu(f"silver, {more}") / cpu(f"MERGE, {more}"), 2),
        "silver / dbt snapshot, 1 x": round(cpu(f"silver, {one}") / cpu("dbt snapshot, 1 x history"), 2),
    }


def cases(dbt: Path, folder: Path) -> Judged:
    """The histories after all deliveries, one run for each."""
    files = history_cases.write(folder / "bronze")
    ours, snapshot = Ours(folder / "ours"), Snapshot(dbt, folder / "dbt")
    clocks = []
    for number in range(1, len(files) + 1):
        _say(f"cases, delivery {number} ...")
        ours.run(files[:number])
        clocks.append(datetime.now(UTC))
        snapshot.run(files[:number])
    told = ours.rows("customer_id, address_standardized.city, effective_at, expired_at")
    found = {"ours": history_cases.judged((c, city, hour(a) or 0, hour(b)) for c, city, a, b in told)}
    for strategy in snapshot.strategies:
        rows = snapshot.rows(strategy, "customer_id, city")
        found[f"dbt {strategy}"] = history_cases.judged(
            (c, city, hour(delivered(a, clocks)) or 0, hour(delivered(b, clocks))) for c, city, a, b in rows
        )
    return found


def delivered(moment: datetime | None, clocks: Sequence[datetime]) -> datetime | None:
    """A time of dbt's own clock counts as the hour of the delivery that it ran for.

    It has no other time for a row that is gone.
    """
    runs = [number for number, clock in enumerate(clocks) if moment and moment.replace(tzinfo=UTC) >= clock]
    return START + timedelta(hours=history_cases.DELIVERED[runs[-1]]) if runs else moment


def report(found: dict[str, Any], factor: int) -> str:
    lines = ["| way | CPU s | seconds | peak memory, MB | load |", "| --- | --- | --- | --- | --- |"]
    for way, each in found.items():
        figures = (each[name] for name in ("cpu_seconds", "wall_seconds", "peak_memory_mb", "load"))
        lines.append(f"| {way} | {' | '.join(f'{figure:g}' for figure in figures)} |")
    told = ratios(found, factor)
    lines += ["", *(f"- {name}: {ratio:g}" for name, ratio in told.items())]
    grown = told[f"silver at {factor} x / 1 x"]
    return "\n".join([*lines, f"- goal, at most {GOAL}: {'met' if grown <= GOAL else '**missed**'}"])


def table_of_cases(found: Judged) -> str:
    lines = [f"| case | right | {' | '.join(found)} |", "| --- " * (len(found) + 2) + "|"]
    for case in history_cases.CASES:
        told = [
            "right" if is_right else f"**wrong**: {history_cases.spelled(periods) or 'nothing'}"
            for is_right, periods in (each[case.name] for each in found.values())
        ]
        lines.append(f"| {case.name} | {history_cases.spelled(case.right)} | {' | '.join(told)} |")
    right = [f"{sum(is_right for is_right, _ in each.values())}" for each in found.values()]
    return "\n".join([*lines, f"| right, of {len(history_cases.CASES)} | | {' | '.join(right)} |"])


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.history",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--customers", type=int, default=1_000_000, help="0: the cases alone")
    parser.add_argument("--changed", type=float, default=0.01, help="share that changes, in thousandths")
    parser.add_argument(
        "--history-factor", type=int, default=10, help="versions of each customer in the long history"
    )
    parser.add_argument("--data", type=Path, default=DATA, help="where the tables and dbt are kept")
    given = parser.parse_args(arguments)
    dbt = environment(given.data)
    work = given.data / "work"
    shutil.rmtree(work, ignore_errors=True)
    told: dict[str, Any] = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "cores": os.cpu_count()}
    if given.customers:
        told |= {"customers": given.customers, "changed": given.changed, "factor": given.history_factor}
        told["ways"] = costs(given.customers, given.changed, given.history_factor, dbt, work)
        told["ratios"] = ratios(told["ways"], given.history_factor)
        print(f"{given.customers:,} customers\n\n{report(told['ways'], given.history_factor)}\n", flush=True)
    found = cases(dbt, work / "cases")
    print(table_of_cases(found))
    told["right"] = {way: sum(is_right for is_right, _ in each.values()) for way, each in found.items()}
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
