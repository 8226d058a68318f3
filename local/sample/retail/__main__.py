"""`python -m local.sample.retail FOLDER --days 7 --seed 1` writes partners' files in the order of their upload."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from local.sample.retail import totals, uploads


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m local.sample.retail", description=__doc__)
    parser.add_argument("folder", type=Path, help="gets a folder for each wave of uploads")
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    try:
        found = uploads(given.seed, given.days)
    except ValueError as error:
        parser.error(str(error))
    for upload in found:
        target = given.folder / f"wave-{upload.wave}" / upload.key
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(upload.body)
        end = upload.expected
        print(
            f"{target}: {end.status}, {end.records} records, {end.rows_loaded} rows, {end.rows_quarantined} broken"
        )
    sums = totals(found)
    print(
        f"{len(found)} files: {sums.stores} stores, {sums.transactions:,} transactions, {sums.amount:,} in all, "
        f"of which returns {sums.returns_amount:,}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
