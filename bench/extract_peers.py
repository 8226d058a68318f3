"""What one would use instead: a table of the local Snowflake to Parquet files on S3, by dlt, pandas or sling.

It runs in an environment of its own (bench/extract_peers.txt) and imports nothing of ours. Prints seconds and rows as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import snowflake.connector

_CHUNK = 100_000


def connected(secret: dict[str, Any]) -> Any:
    return snowflake.connector.connect(
        **{name: secret[name] for name in ("host", "port", "protocol", "account", "user", "database")},
        password="any",  # noqa: S106 - the local Snowflake asks for none
        arrow_number_to_decimal=True,
    )


def pandas_all(secret: dict[str, Any], table: str, to: str, _: Path) -> int:
    """As tutorials write it: all rows at once, then one file."""
    with connected(secret) as connection:
        frame = connection.cursor().execute(f"SELECT * FROM {table}").fetch_pandas_all()
    frame.to_parquet(
        f"{to}/rows.parquet",
        storage_options={"client_kwargs": {"endpoint_url": os.environ["AWS_ENDPOINT_URL"]}},
    )
    return len(frame)


def dlt_sql_table(secret: dict[str, Any], table: str, to: str, home: Path) -> int:
    from dlt.sources.sql_database import sql_table  # type: ignore[import-not-found]
    from sqlalchemy import create_engine

    engine = create_engine(
        f"snowflake://{secret['user']}:any@{secret['account']}/{secret['database']}/PUBLIC",
        connect_args={name: secret[name] for name in ("host", "port", "protocol")},
    )
    name = table.rpartition(".")[2].lower()
    return _dlt(
        sql_table(credentials=engine, table=name, schema="public", backend="pyarrow", chunk_size=_CHUNK),
        to,
        home,
    )


def dlt_arrow(secret: dict[str, Any], table: str, to: str, home: Path) -> int:
    import dlt  # type: ignore[import-not-found]

    @dlt.resource(name="arrow_batches")  # type: ignore[untyped-decorator]
    def batches() -> Iterator[Any]:
        with connected(secret) as connection:
            yield from connection.cursor().execute(f"SELECT * FROM {table}").fetch_arrow_batches()

    return _dlt(batches, to, home)


def _dlt(resource: Any, to: str, home: Path) -> int:
    import dlt

    s3 = {
        "aws_access_key_id": os.environ["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": os.environ["AWS_SECRET_ACCESS_KEY"],
        "endpoint_url": os.environ["AWS_ENDPOINT_URL"],
        "region_name": os.environ["AWS_REGION"],
    }
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    pipeline = dlt.pipeline(
        home.name,
        pipelines_dir=str(home),
        destination=dlt.destinations.filesystem(bucket_url=to, credentials=s3),
        dataset_name="bench",
    )
    pipeline.run(
        resource, table_name="rows", write_disposition="append", loader_file_format="parquet"
    ).raise_on_failed_jobs()
    return int(pipeline.last_trace.last_normalize_info.row_counts["rows"])


def sling(secret: dict[str, Any], table: str, to: str, home: Path) -> int:
    import pyarrow.parquet as pq
    import s3fs  # type: ignore[import-not-found]
    import sling_linux_amd64  # type: ignore[import-not-found]

    home.mkdir(parents=True, exist_ok=True)
    source = (
        f"snowflake://{secret['user']}:any@{secret['host']}:{secret['port']}/{secret['database']}"
        f"?schema=PUBLIC&use_bulk=false&account={secret['account']}&protocol={secret['protocol']}"
    )
    target = {
        "type": "s3",
        "bucket": to.removeprefix("s3://").partition("/")[0],
        "access_key_id": os.environ["AWS_ACCESS_KEY_ID"],
        "secret_access_key": os.environ["AWS_SECRET_ACCESS_KEY"],
        "endpoint": os.environ["AWS_ENDPOINT_URL"],
        "region": os.environ["AWS_REGION"],
    }
    told = {
        "BENCH_FROM": source,
        "BENCH_TO": json.dumps(target),
        "SLING_HOME_DIR": str(home),
        "SLING_DISABLE_TELEMETRY": "TRUE",
        "SLING_DUCKDB_COMPUTE": "false",  # it would download the program
    }
    binary = Path(sling_linux_amd64.SLING_BIN)
    binary.chmod(0o755)
    command = [str(binary), "run", "--src-conn", "BENCH_FROM", "--src-stream", f"SELECT * FROM {table}"]
    command += ["--tgt-conn", "BENCH_TO", "--tgt-object", f"{to}/rows.parquet"]
    command += ["--tgt-options", "{format: parquet}"]
    subprocess.run(command, env=os.environ | told, check=True, timeout=1800)
    files = s3fs.S3FileSystem(client_kwargs={"endpoint_url": os.environ["AWS_ENDPOINT_URL"]})
    return sum(pq.read_metadata(files.open(name)).num_rows for name in files.find(to))


WAYS = {each.__name__: each for each in (pandas_all, dlt_sql_table, dlt_arrow, sling)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("--table", required=True)
    parser.add_argument("--to", required=True, help="folder of the files in S3")
    parser.add_argument("--home", required=True, type=Path, help="where the tool keeps its state")
    given = parser.parse_args()
    secret = json.loads(os.environ["BENCH_SNOWFLAKE"])
    started = time.monotonic()
    rows = WAYS[given.way](secret, given.table, given.to, given.home)
    print(json.dumps({"seconds": round(time.monotonic() - started, 3), "rows": rows}))


if __name__ == "__main__":
    main()
