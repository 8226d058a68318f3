"""python -m bench.inbox --files 10000 --gigabytes 1: what the retail inbox takes, and how soon a file is in RAW.

On a local cloud of its own, one after the other: single uploads with pauses and many small files, both through the
listener; one large file, by a run in a process of its own. Then the same bytes by a plain COPY INTO and by dlt's
filesystem source. Every sum is checked. Prints a table and adds a line to bench/results/inbox.jsonl; progress goes to
stderr.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import inbox_files
from bench.inbox_cloud import INBOX, LAKE, PEERS, Cloud, dlt_python, started
from bench.inbox_files import Truth, truth

DATA = Path(__file__).parent / "data" / "inbox"
RESULTS = Path(__file__).parent / "results" / "inbox.jsonl"
GOALS = {"files_per_minute": 600, "rows_to_dlt": 2.0, "peak_memory_mb": 500, "p95_seconds": 60}
_AT_ONCE = 8
_ROWS = inbox_files.ROWS_A_FILE
_FIRST_SINGLE, _FIRST_SMALL, _FIRST_LARGE = 0, 1_000_000, 100_000_000
"""Numbers of the rows of each part: no two parts share one."""
_DLT_SMALL_BYTES = 20_000_000
"""What dlt's slow reader gets of the large file: a rate, not an hour."""


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that is not less than so large a share of all: no value is made up between two."""
    return sorted(values)[max(math.ceil(share * len(values)), 1) - 1]


def single_uploads(cloud: Cloud, uploads: int, pause: float) -> dict[str, Any]:
    """Seconds from the upload of one file to its rows in RAW. The next comes when all is idle again, and a pause later."""
    seconds = []
    for at in range(uploads):
        first = _FIRST_SINGLE + at * _ROWS
        name = inbox_files.small_name(at)
        began = time.monotonic()
        cloud.s3.put_object(Bucket=INBOX, Key=f"inbox/{name}", Body=inbox_files.small(first))
        asked = f"SELECT COUNT(*) FROM HIGHWATER.RAW.SALES WHERE source_file = 'inbox/{name}'"
        cloud.until(asked, truth(first, _ROWS).loaded, 600)
        seconds.append(round(time.monotonic() - began, 2))
        _say(f"upload {at + 1} of {uploads}: {seconds[-1]} s")
        cloud.until_idle()
        time.sleep(pause)
    return {
        "uploads": uploads,
        "median_seconds": percentile(seconds, 0.5),
        "p95_seconds": percentile(seconds, 0.95),
        "longest_seconds": max(seconds),
    }


def small_files(cloud: Cloud, files: int, python: Path) -> dict[str, Any]:
    known = truth(_FIRST_SMALL, files * _ROWS)
    before = _in_raw(cloud)
    began = time.monotonic()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(lambda at: _put_small(cloud, INBOX, "inbox", at), range(files)))
    uploaded = time.monotonic() - began
    cloud.until("SELECT COUNT(*) FROM HIGHWATER.RAW.SALES", before[0] + known.loaded, 60 + files)
    seconds = time.monotonic() - began
    _require_sums(cloud, before, known)
    _say(f"{files} files in RAW after {seconds:.1f} s, of which {uploaded:.1f} s of upload")
    cloud.until_idle(60 + files)
    settled = time.monotonic() - began
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        keys = list(pool.map(lambda at: _put_small(cloud, LAKE, f"{PEERS}/small", at), range(files)))
    copied = cloud.copy("BENCH_SMALL", keys)
    _say(f"COPY INTO of the same files: {copied}")
    loaded, _ = cloud.dlt(python, f"{PEERS}/small", "small", "csv_duckdb")
    _say(f"dlt with the same files: {loaded}")
    assert copied["rows"] == loaded["rows"] == known.rows
    return {
        "files": files,
        "rows": known.rows,
        "upload_seconds": round(uploaded, 2),
        "seconds": round(seconds, 2),
        "seconds_until_moved_and_in_marts": round(settled, 2),
        "files_per_minute": round(60 * files / seconds, 1),
        "copy_files_per_minute": round(60 * files / copied["seconds"], 1),
        "dlt_files_per_minute": round(60 * files / loaded["seconds"], 1),
        "to_dlt": round(loaded["seconds"] / seconds, 3),
        "to_copy": round(copied["seconds"] / seconds, 3),
    }


def _put_small(cloud: Cloud, bucket: str, folder: str, at: int) -> str:
    key = f"{folder}/many/{inbox_files.small_name(at)}"
    cloud.s3.put_object(Bucket=bucket, Key=key, Body=inbox_files.small(_FIRST_SMALL + at * _ROWS))
    return key


def large_file(cloud: Cloud, size: int, python: Path) -> dict[str, Any]:
    cloud.stop_listener()
    file = cloud.folder / "large.csv"
    rows = inbox_files.write_large(file, size, _FIRST_LARGE)
    known, size = truth(_FIRST_LARGE, rows), file.stat().st_size
    before = _in_raw(cloud)
    key = "inbox/sales_20250201_large.csv"
    cloud.s3.upload_file(str(file), INBOX, key)
    cloud.s3.upload_file(str(file), LAKE, f"{PEERS}/large/large.csv")
    said, cost = cloud.run(key)
    _require_sums(cloud, before, known)
    assert (said["rows_published"], said["rows_quarantined"]) == (known.loaded, known.broken)
    found = of_steps(said["steps"], rows, size)
    _say(f"a run of retail-inbox: {found}, {cost}")
    copied = cloud.copy("BENCH_LARGE", [f"{PEERS}/large/large.csv"])
    _say(f"COPY INTO of the same file: {copied}")
    fast, fast_cost = cloud.dlt(python, f"{PEERS}/large", "large", "csv_duckdb")
    _say(f"dlt, DuckDB and Arrow: {fast}, {fast_cost}")
    part = inbox_files.write_large(file, min(size, _DLT_SMALL_BYTES), _FIRST_LARGE)
    cloud.s3.upload_file(str(file), LAKE, f"{PEERS}/part/part.csv")
    slow, slow_cost = cloud.dlt(python, f"{PEERS}/part", "part", "csv")
    _say(f"dlt, pandas, a part of the file: {slow}, {slow_cost}")
    file.unlink()
    assert (copied["rows"], fast["rows"], slow["rows"]) == (rows, rows, part)
    rates = {name: each["rows"] / each["seconds"] for name, each in (("fast", fast), ("slow", slow))}
    return {
        "bytes": size,
        "rows": rows,
        "broken": known.broken,
        **found,
        "peak_memory_mb": cost.peak_memory_mb,
        "cpu_seconds": cost.cpu_seconds,
        "copy": {"rows_per_second": round(rows / copied["seconds"])},
        "dlt_csv_duckdb": {"rows_per_second": round(rates["fast"]), **vars(fast_cost)},
        "dlt_csv": {"rows": part, "rows_per_second": round(rates["slow"]), **vars(slow_cost)},
        "to_dlt_csv_duckdb": round(found["rows_per_second"] / rates["fast"], 2),
        "to_dlt_csv": round(found["rows_per_second"] / rates["slow"], 2),
        "to_copy": round(found["rows_per_second"] * copied["seconds"] / rows, 3),
    }


def of_steps(steps: dict[str, Sequence[float]], rows: int, size: int) -> dict[str, Any]:
    """From the first step's begin to the end of the load, which commits the rows of RAW and STAGE."""
    seconds = {name: round(end - begin, 2) for name, (begin, end) in steps.items()}
    to_raw = steps["load files"][1] - min(begin for begin, _ in steps.values())
    reading = steps["read files"][1] - steps["read files"][0]
    return {
        "seconds": round(to_raw, 2),
        "rows_per_second": round(rows / to_raw),
        "mb_per_second": round(size / 1e6 / to_raw, 2),
        "read_mb_per_second": round(size / 1e6 / reading, 2),
        "step_seconds": seconds,
    }


def _in_raw(cloud: Cloud) -> tuple[int, int]:
    """Rows and cents."""
    rows, amount = cloud.row("SELECT COUNT(*), COALESCE(SUM(amount * 100), 0) FROM HIGHWATER.RAW.SALES")
    return int(rows), round(amount)


def _require_sums(cloud: Cloud, before: tuple[int, int], known: Truth) -> None:
    rows, cents = _in_raw(cloud)
    if (rows - before[0], cents - before[1]) != (known.loaded, known.cents):
        raise RuntimeError(f"RAW has {rows - before[0]} rows of {cents - before[1]} cents instead of {known}")


def report(found: dict[str, Any]) -> str:
    """The table that people read: what was measured, the goal, and the peers of the same run."""
    lines = ["| what | measured | goal | met |", "| --- | --- | --- | --- |"]
    if large := found.get("large"):
        dlt, copy = large["dlt_csv_duckdb"], large["copy"]["rows_per_second"]
        lines += [
            _line("rows/s of the large file / dlt's fastest reader", large["to_dlt_csv_duckdb"], GOALS["rows_to_dlt"]),
            _line("rows/s of the large file / dlt's read_csv", large["to_dlt_csv"], GOALS["rows_to_dlt"]),
            _line("peak memory of the run, MB", large["peak_memory_mb"], GOALS["peak_memory_mb"], most=True),
            f"| rows/s: ours, dlt's two readers, COPY | {large['rows_per_second']:,}; {dlt['rows_per_second']:,}, "
            f"{large['dlt_csv']['rows_per_second']:,}; {copy:,} | | |",
            f"| MB/s to RAW, of which reading and judging | {large['mb_per_second']}, {large['read_mb_per_second']} | | |",
        ]  # fmt: skip
    if small := found.get("small"):
        lines += [
            _line("small files a minute", small["files_per_minute"], GOALS["files_per_minute"]),
            f"| files a minute: dlt, COPY | {small['dlt_files_per_minute']}, {small['copy_files_per_minute']} | | |",
        ]
    if single := found.get("single"):
        lines += [
            _line("p95 from upload to RAW, s", single["p95_seconds"], GOALS["p95_seconds"], most=True),
            f"| median, longest, s | {single['median_seconds']}, {single['longest_seconds']} | | |",
        ]
    return "\n".join(lines)


def _line(what: str, measured: float, goal: float, most: bool = False) -> str:
    is_met = measured <= goal if most else measured >= goal
    return f"| {what} | {measured:g} | {'<=' if most else '>='} {goal:g} | {'yes' if is_met else '**no**'} |"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.inbox",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--files", type=int, default=10_000, help="small files; 0 leaves them out")
    parser.add_argument("--gigabytes", type=float, default=1, help="size of the large file; 0 leaves it out")
    parser.add_argument("--uploads", type=int, default=100, help="single uploads; 0 leaves them out")
    parser.add_argument("--pause", type=float, default=2, help="seconds between a single upload and the next")
    parser.add_argument("--ports", type=int, default=4680, help="first of the four ports of the local cloud")
    parser.add_argument("--data", type=Path, default=DATA, help="where the cloud, the file and dlt are kept")
    given = parser.parse_args(arguments)
    given.data.mkdir(parents=True, exist_ok=True)
    python = dlt_python(given.data)
    found: dict[str, Any] = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "cores": os.cpu_count()}
    with started(given.data, given.ports) as cloud:
        parts: dict[str, Callable[[], dict[str, Any]]] = {
            "single": lambda: single_uploads(cloud, given.uploads, given.pause),
            "small": lambda: small_files(cloud, given.files, python),
            "large": lambda: large_file(cloud, int(given.gigabytes * 1e9), python),
        }
        wanted = {"single": given.uploads, "small": given.files, "large": given.gigabytes}
        for name, measured in parts.items():
            if wanted[name]:
                busy = os.getloadavg()[0]
                found[name] = {**measured(), "load": [round(busy, 1), round(os.getloadavg()[0], 1)]}
    print(report(found))
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
