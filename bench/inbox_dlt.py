"""What one would use instead: dlt's filesystem source into the local Snowflake, through S3 staging.

It runs in an environment of its own (bench/inbox_dlt.txt) and imports nothing of ours. Prints seconds and rows as JSON.

`csv` is the reader that dlt's documentation begins with: pandas, handed on as dicts. `csv_duckdb` reads text with DuckDB and
hands Arrow on: of dlt's readers the fastest.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from typing import Any

import dlt  # type: ignore[import-not-found]
from dlt.destinations.impl.snowflake import snowflake  # type: ignore[import-not-found]
from dlt.sources.filesystem import (  # type: ignore[import-not-found]
    filesystem,
    read_csv,
    read_csv_duckdb,
)


def _write_copy_as_the_local_snowflake_reads_it() -> None:
    """Options without quotes and commas. Snowflake takes both."""
    text = snowflake.gen_copy_sql

    def plain(*given: Any, **named: Any) -> str:
        found = str(text(*given, **named)).replace("'CASE_INSENSITIVE'", "CASE_INSENSITIVE")
        before, _, options = found.partition("FILE_FORMAT")
        return f"{before}FILE_FORMAT{options.replace(',', ' ')}"

    snowflake.gen_copy_sql = plain


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="folder of the files in S3")
    parser.add_argument(
        "--bucket", required=True, help="that dlt stages in, the one of the warehouse's stage"
    )
    parser.add_argument("--table", required=True)
    parser.add_argument("--home", required=True, help="where dlt keeps its state")
    parser.add_argument("--reader", choices=("csv", "csv_duckdb"), required=True)
    given = parser.parse_args()
    # dlt's own state would go to the warehouse as JSON, with options of COPY that the local Snowflake lacks.
    os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "RESTORE_FROM_DESTINATION": "false"}
    _write_copy_as_the_local_snowflake_reads_it()
    secret = json.loads(os.environ["BENCH_SNOWFLAKE"])
    s3 = {
        "aws_access_key_id": os.environ["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": os.environ["AWS_SECRET_ACCESS_KEY"],
        "endpoint_url": os.environ["AWS_ENDPOINT_URL"],
        "region_name": os.environ["AWS_REGION"],
    }
    destination = dlt.destinations.snowflake(
        credentials={
            "host": secret["account"],
            "username": secret["user"],
            "private_key": secret["private_key"],
            "database": secret["database"],
            "warehouse": secret["warehouse"],
            "query": {name: secret[name] for name in ("host", "port", "protocol")},
        },
        stage_name=secret["stage"],
        supports_multiple_statements=False,
    )
    pipeline = dlt.pipeline(
        given.table,
        pipelines_dir=given.home,
        destination=destination,
        staging=dlt.destinations.filesystem(bucket_url=f"s3://{given.bucket}", credentials=s3),
        dataset_name="bench_dlt",
    )
    reader = (
        read_csv(dtype=str, chunksize=100_000)
        if given.reader == "csv"
        else read_csv_duckdb(chunk_size=100_000, use_pyarrow=True, all_varchar=True)
    )
    files = filesystem(bucket_url=given.url, file_glob="**/*.csv", credentials=s3)
    started = time.monotonic()
    pipeline.run(
        (files | reader).with_name(given.table),
        table_name=given.table,
        write_disposition="append",
        loader_file_format="parquet",
    ).raise_on_failed_jobs()
    seconds = time.monotonic() - started
    rows = pipeline.last_trace.last_normalize_info.row_counts[given.table]
    print(json.dumps({"seconds": round(seconds, 3), "rows": rows}))


if __name__ == "__main__":
    main()
