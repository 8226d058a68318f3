"""`python -m local.sample --end 2025-06-30 --profile demo --dir data` or `--bucket highwater-lake`."""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path

from local.sample.cpg import demo, small, write
from local.sample.sinks import UPLOAD_THREADS, BucketSink, DirectorySink, Sink

PROFILES = {"demo": demo, "small": small}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m local.sample", description=__doc__)
    parser.add_argument("--end", type=date.fromisoformat, required=True, help="last day, YYYY-MM-DD")
    parser.add_argument("--profile", choices=sorted(PROFILES), default="demo")
    parser.add_argument("--seed", type=int, default=7)
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--dir", type=Path, help="directory that gets the raw/ tree")
    target.add_argument("--bucket", help="bucket that gets the raw/ prefixes; AWS_ENDPOINT_URL is honoured")
    given = parser.parse_args(arguments)
    try:
        profile = PROFILES[given.profile](given.end, given.seed)
    except ValueError as error:
        parser.error(str(error))
    sink: Sink = DirectorySink(given.dir) if given.dir else _bucket(given.bucket)
    written = write(profile, sink)
    lines, broken = written.truth.rows("sales"), written.truth.quarantined("sales")
    where = given.dir or f"s3://{given.bucket}"
    print(
        f"{written.files} files from {profile.start} to {profile.end} in {where}: "
        f"{lines:,} sales lines, of which {broken:,} are meant to end in quarantine"
    )
    return 0


def _bucket(name: str) -> BucketSink:
    import boto3
    from botocore.config import Config

    return BucketSink(name, boto3.client("s3", config=Config(max_pool_connections=UPLOAD_THREADS)))


if __name__ == "__main__":
    sys.exit(main())
