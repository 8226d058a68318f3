"""`python -m local.sample.marketing FOLDER --days 2 --seed 1` writes the raw/ tree of some days."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from local.sample.marketing import truth, uploads


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m local.sample.marketing", description=__doc__)
    parser.add_argument("folder", type=Path, help="gets the raw/ tree")
    parser.add_argument("--days", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    if given.days < 1:
        parser.error("at least one day is needed")
    found = uploads(given.seed, given.days)
    for upload in found:
        target = given.folder / upload.key
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(upload.body)
    sums = truth(found)
    print(
        f"{len(found)} files: {sums.customers} customers, {sums.active} of them active, {sums.events:,} events in "
        f"{sums.sessions} sessions, {sums.late} late, {sums.unknown} of unknown users"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
