"""python -m tasks.recovery register-table, restore-object or copy-rows: the runbooks of docs/operate.md, Disasters."""

from __future__ import annotations

import argparse
import sys

from tasks.errors import HighwaterError
from tasks.recovery import catalog_tables, object_versions, restored_rows


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tasks.recovery", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    register = commands.add_parser("register-table", help="put a table back into the Glue catalog")
    register.add_argument("table", help="such as curated.sales")
    register.add_argument("--metadata", help="address of the metadata file, if not the last one")
    restore = commands.add_parser("restore-object", help="bring a deleted or overwritten S3 object back")
    restore.add_argument("address", help="s3://bucket/key")
    restore.add_argument("--version", help="id of the version; without it, the last one of a deleted object")
    rows = commands.add_parser(
        "copy-rows", help="add the rows of a restored DynamoDB table that another lacks"
    )
    rows.add_argument("restored")
    rows.add_argument("to")
    try:
        sys.stdout.write(f"{_done(parser.parse_args(arguments))}\n")
    except (HighwaterError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _done(given: argparse.Namespace) -> str:
    if given.command == "register-table":
        namespace, _, name = given.table.partition(".")
        return f"{given.table} is registered from {catalog_tables.register(namespace, name, given.metadata)}"
    if given.command == "restore-object":
        return f"{given.address} is its version {object_versions.restore(given.address, given.version)} again"
    copied = restored_rows.copy_back(given.restored, given.to)
    return f"{copied.added} rows added to {given.to}, {copied.kept} were there and stay as they are"


if __name__ == "__main__":
    sys.exit(main())
