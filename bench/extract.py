"""python -m bench.extract --rows 5000000: a table of the local Snowflake into Parquet on the local S3, by us and by others.

Ours (the modes watermark and unload, each with its Iceberg commit and its watermark), dlt's sql_table with pyarrow, a dlt
resource over fetch_arrow_batches, sling, fetch_pandas_all with one file, and the limit: fetch_arrow_batches whose rows
are dropped. Each way is a process of its own, one after the other, from the same table of 12 columns; the rows that
it wrote are counted. Prints a table and adds a line to bench/results/extract.jsonl; progress goes to stderr.

With several sizes it also says at what rate the largest's further rows came: what a way costs whatever the size (logins,
imports, the commit) is left out of that.

CPU and memory are those of the process, rows/s those of its work, without its start. The servers' CPU is given apart.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import measure
from bench.extract_cloud import TABLE, Cloud, peers_python, started

DATA = Path(__file__).parent / "data" / "extract"
RESULTS = Path(__file__).parent / "results" / "extract.jsonl"
OURS = ("watermark", "unload")
PEERS = ("dlt_arrow", "dlt_sql_table", "sling", "pandas_all")
GOALS = {"to_limit": 0.9, "to_dlt": 2.0, "peak_memory_mb": 500}
_SERVERS = "servers_cpu_seconds"


def measured(cloud: Cloud, way: str, python: Path, rows: int) -> dict[str, Any]:
    """What a way costs. One that fails says so: the others are measured all the same."""
    if way in PEERS:
        command = [str(python), str(Path(__file__).with_name("extract_peers.py")), way]
        command += ["--to", cloud.folder_of(way), "--home", str(cloud.folder / way)]
    else:
        cloud.forget_watermark()
        command = [sys.executable, "-m", "bench.extract_run", way]
    before = cloud.servers_cpu()
    try:
        said, cost = cloud.measured([*command, "--table", TABLE], way)
    except (measure.CommandFailed, ValueError) as error:
        _say(f"{way} failed: {error}")
        return {"failed": str(error).splitlines()[0]}
    if said["rows"] != rows:
        raise RuntimeError(f"{way} has {said['rows']} rows of {rows}")
    return {
        "rows_per_second": round(rows / said["seconds"]),
        "seconds": said["seconds"],
        "cpu_seconds": cost.cpu_seconds,
        "peak_memory_mb": cost.peak_memory_mb,
        _SERVERS: round(cloud.servers_cpu() - before, 1),
    }


def ratios(found: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Of our rates to those of the others that ran."""
    rates = {way: each["rows_per_second"] for way, each in found.items() if "failed" not in each}
    return {
        f"{ours} / {other}": round(rates[ours] / rate, 2)
        for ours in OURS
        for other, rate in rates.items()
        if ours in rates and other not in OURS
    }


def further(
    small: dict[str, dict[str, Any]], large: dict[str, dict[str, Any]], rows: int
) -> dict[str, dict[str, Any]]:
    """What each way took for the rows that the large size has more."""
    told: dict[str, dict[str, Any]] = {}
    for way, each in large.items():
        if "failed" in each or "failed" in small[way]:
            continue
        costs = ("seconds", "cpu_seconds", _SERVERS)
        told[way] = {name: round(each[name] - small[way][name], 2) for name in costs}
        told[way]["rows_per_second"] = round(rows / max(told[way]["seconds"], 0.001))
        told[way]["peak_memory_mb"] = each["peak_memory_mb"]
    return told


def report(found: dict[str, dict[str, Any]]) -> str:
    lines = [
        "| way | rows/s | seconds | CPU s | of the servers | peak memory, MB | watermark / it | unload / it |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    told = ratios(found)
    for way, each in found.items():
        if "failed" in each:
            lines.append(f"| {way} | failed: {each['failed']} | | | | | | |")
            continue
        to = [f"{told[key]:g}" if (key := f"{ours} / {way}") in told else "" for ours in OURS]
        figures = [each[name] for name in ("seconds", "cpu_seconds", _SERVERS, "peak_memory_mb")]
        lines.append(f"| {way} | {each['rows_per_second']:,} | {' | '.join(map(str, [*figures, *to]))} |")
    return "\n".join([*lines, "", *(f"- {line}" for line in _goals(found, told))])


def _goals(found: dict[str, dict[str, Any]], told: dict[str, float]) -> list[str]:
    """Each goal with what was measured."""
    lines = []
    for ours in OURS:
        fastest = [
            told[f"{ours} / {way}"] for way in ("dlt_arrow", "dlt_sql_table") if f"{ours} / {way}" in told
        ]
        figures = {
            "to_limit": told.get(f"{ours} / limit"),
            "to_dlt": min(fastest, default=None),
            "peak_memory_mb": found.get(ours, {}).get("peak_memory_mb"),
        }
        for name, figure in figures.items():
            if figure is None:
                continue
            is_met = figure <= GOALS[name] if name == "peak_memory_mb" else figure >= GOALS[name]
            lines.append(
                f"{ours}, {name}: {figure:g}, goal {GOALS[name]:g}: {'met' if is_met else '**missed**'}"
            )
    return lines


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.extract",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[5_000_000])
    parser.add_argument(
        "--ways", nargs="+", default=["limit", *OURS, *PEERS], choices=["limit", *OURS, *PEERS]
    )
    parser.add_argument("--ports", type=int, default=4790, help="first of the two ports of the servers")
    parser.add_argument("--data", type=Path, default=DATA, help="where the servers and the peers are kept")
    given = parser.parse_args(arguments)
    given.data.mkdir(parents=True, exist_ok=True)
    python = peers_python(given.data) if set(given.ways) & set(PEERS) else Path(sys.executable)
    sizes = sorted(given.rows)
    found: dict[int, dict[str, dict[str, Any]]] = {size: {} for size in sizes}
    for size in sizes:
        with started(given.data, given.ports) as cloud:
            cloud.fill(size)
            for way in given.ways:
                load = os.getloadavg()[0]
                found[size][way] = {**measured(cloud, way, python, size), "load": round(load, 1)}
                _say(f"{way}: {found[size][way]}")
        print(f"{size:,} rows\n\n{report(found[size])}\n")
    if len(sizes) > 1:
        more = further(found[sizes[0]], found[sizes[-1]], sizes[-1] - sizes[0])
        print(f"of {sizes[-1]:,} rows those after the first {sizes[0]:,}\n\n{report(more)}")
    RESULTS.parent.mkdir(exist_ok=True)
    told = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "cores": os.cpu_count()}
    with RESULTS.open("a", encoding="utf-8") as file:
        for size, ways in found.items():
            file.write(json.dumps({**told, "rows": size, "ways": ways, "ratios": ratios(ways)}) + "\n")


if __name__ == "__main__":
    main()
