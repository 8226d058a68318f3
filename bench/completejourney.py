"""python -m bench.completejourney --dir D: a year of real grocery sales as the files that bench.forecast takes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq

from local.completejourney import Journey, tables


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.completejourney", description=__doc__)
    parser.add_argument(
        "--dir", type=Path, required=True, help="gets sales.parquet, promotions.parquet, sku.parquet"
    )
    parser.add_argument("--articles", type=int, default=250, help="how many of the best sellers")
    parser.add_argument("--regions", type=int, default=1, help="into how many regions the stores are grouped")
    given = parser.parse_args(arguments)
    given.dir.mkdir(parents=True, exist_ok=True)
    found = tables(Journey(given.articles, given.regions))
    for name, table in zip(("sales", "promotions", "sku"), found, strict=True):
        pq.write_table(table, given.dir / f"{name}.parquet")
        print(f"{given.dir / name}.parquet: {table.num_rows} rows")


if __name__ == "__main__":
    main()
