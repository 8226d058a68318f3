"""`python -m local.snowflake`: run the local Snowflake server in the foreground."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from local.snowflake.server import serve


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m local.snowflake", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--state", type=Path, required=True, help="directory that holds the DuckDB files")
    parser.add_argument("--aws-endpoint", required=True, help="address of the local S3")
    parser.add_argument("--memory", required=True, help="what it may hold in memory, such as 2GB")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    serve(arguments.port, arguments.state, arguments.aws_endpoint, arguments.memory)


if __name__ == "__main__":
    main()
