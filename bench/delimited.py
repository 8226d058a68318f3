"""Read a folder of delimited files with the product's reader and no contract, and write what it read.

    python -m bench.delimited DIR --out DIR2

DIR2/<file name>.csv has every record that is not blank, as standard CSV, but what stands above the table beyond doubt; that
is in `preamble` of the file's line in DIR2/report.jsonl. A refused file has a line there and no CSV; if its
message begins with "fault: ", the reader failed. docs/delimited.md says what is measured with this.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tasks.delimited.reader import opened
from tasks.errors import DataError

_TOLD = {"flawed_records": "have stray quotes", "mended_records": "have another delimiter than the file"}


def convert(source: Path, target: Path) -> dict[str, Any]:
    """Read one file and write it as standard CSV. The report's line about it."""
    line: dict[str, Any] = {
        "file": source.name,
        "status": "ok",
        "encoding": None,
        "delimiter": None,
        "quote": None,
    }
    line |= {"header_lines": 0, "records": 0, "rejected_records": 0, "preamble": [], "message": ""}
    partial = target.with_name(target.name + ".partial")
    try:
        with opened(source) as reading:
            with partial.open("w", encoding="utf-8", newline="") as file:
                file.writelines(map(standard, reading.rows()))
            found = reading.description()
    except Exception as error:  # noqa: BLE001 - the other files are read, and this one's fault is told
        partial.unlink(missing_ok=True)
        fault = f"fault: {source.name}: {type(error).__name__}: {error}"
        return line | {"status": "refused", "message": str(error) if isinstance(error, DataError) else fault}
    partial.replace(target)
    told = list(found["doubts"])
    if above := reading.preamble:
        told.append(f"{len(above)} records above the table are in preamble, not in the CSV")
    told += [f"{found[name]} records {what}" for name, what in _TOLD.items() if found[name]]
    line |= {name: found[name] for name in line if name in found}
    return line | {"preamble": reading.preamble, "message": "; ".join(told)}


def standard(cells: Sequence[str]) -> str:
    """A record as RFC 4180 has it. A record of one empty cell is quoted: a blank line is no record."""
    if cells == [""]:
        return '""\r\n'
    return ",".join(map(_field, cells)) + "\r\n"


def _field(cell: str) -> str:
    if any(sign in cell for sign in ',"\r\n'):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def convert_all(folder: Path, out: Path) -> Iterator[dict[str, Any]]:
    """Convert every file of a folder, in the order of their names, and keep the report."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / "report.jsonl").open("w", encoding="utf-8") as report:
        for source in sorted(path for path in folder.iterdir() if path.is_file()):
            line = convert(source, out / f"{source.name}.csv")
            report.write(json.dumps(line, ensure_ascii=False) + "\n")
            yield line


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where the delimited files are")
    parser.add_argument("--out", type=Path, required=True, help="where the CSV files and report.jsonl go")
    given = parser.parse_args(arguments)
    if not given.folder.is_dir():
        parser.error(f"{given.folder} is no folder")
    started = time.monotonic()
    lines = list(convert_all(given.folder, given.out))
    refused = [line for line in lines if line["status"] == "refused"]
    for line in refused:
        print(f"refused: {line['message']}")
    seconds = time.monotonic() - started
    print(
        f"{len(lines):,} files, {len(refused):,} refused, {seconds:.1f} s. Report: {given.out / 'report.jsonl'}"
    )


if __name__ == "__main__":
    main()
