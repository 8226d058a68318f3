"""python -m tasks.recovery: the runbooks of docs/operate.md, Disasters."""

from __future__ import annotations

import argparse
import sys

from tasks.errors import BusinessError, HighwaterError
from tasks.recovery import catalog_tables, earlier_moves, object_versions, restored_rows, untaken
from tasks.services.snowflake import connect, seconds_of
from tasks.services.snowflake_people import as_pipeline
from warehouse.load.retail.files import InboxFile
from warehouse.statement import Kind


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tasks.recovery", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    register = commands.add_parser("register-table", help="put a table back into the Glue catalog")
    register.add_argument("table", help="such as curated.sales")
    register.add_argument(
        "--metadata", help="address of the metadata file; without it, you are shown which there are"
    )
    restore = commands.add_parser("restore-object", help="bring a deleted or overwritten S3 object back")
    restore.add_argument("address", help="s3://bucket/key")
    restore.add_argument("--version", help="id of the version; without it, the last one of a deleted object")
    rows = commands.add_parser(
        "copy-rows", help="add the rows of a restored DynamoDB table that another lacks"
    )
    rows.add_argument("restored")
    rows.add_argument("to")
    waiting = commands.add_parser(
        "bring-untaken",
        help="copy into ours what a lost region's inbox had not taken, and what its history/ lacks",
    )
    waiting.add_argument("copy", help="bucket of the copy of its inbox")
    noting = commands.add_parser(
        "note-arrivals",
        help="once, after the upgrade from a release that wrote no history/arrivals/: note what the warehouse knows, and "
        "put back what was overwritten",
    )
    noting.add_argument("--connection", metavar="NAME", help="your own login: a section of connections.toml")
    try:
        sys.stdout.write(f"{_done(parser.parse_args(arguments))}\n")
    except (HighwaterError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _done(given: argparse.Namespace) -> str:
    if given.command == "register-table":
        return _registered(given.table, given.metadata)
    if given.command == "restore-object":
        return f"{given.address} is its version {object_versions.restore(given.address, given.version)} again"
    if given.command == "bring-untaken":
        return _brought(given.copy)
    if given.command == "note-arrivals":
        return _noted(given.connection)
    copied = restored_rows.copy_back(given.restored, given.to)
    return f"{copied.added} rows added to {given.to}, {copied.kept} were there and stay as they are"


def _brought(copy: str) -> str:
    brought = untaken.bring(copy)
    put_back = (f"{key} has its content again" for key in brought.put_back)
    waiting = (
        f"{each.version.key}, which came at {each.version.received_at:%Y-%m-%d %H:%M:%S}, is version {each.version_id}"
        for each in brought.waiting
    )
    return "\n".join(
        [
            *put_back,
            *waiting,
            f"{len(brought.waiting)} files are in inbox/ again, in the order in which they came.",
            "The copy knows of no deletions: delete from inbox/ the versions that their sender had withdrawn (aws s3api "
            "delete-object, with --version-id), before the work pool is resumed.",
        ]
    )


def _noted(connection: str | None) -> str:
    seconds = seconds_of(Kind.QUICK)
    if connection is None:
        session = connect("recovery", "note-arrivals", "note-arrivals", unlimited_seconds=seconds)
    else:
        session = as_pipeline(connection, "note-arrivals", seconds)
    with session as warehouse:
        noted = earlier_moves.note(warehouse)
    return "\n".join(
        [
            f"{noted.files} files of history/ are noted in history/arrivals/, which had no note of them",
            *(
                f"{file.history_file} has what another file had overwritten: {_of(file)}"
                for file in noted.put_back
            ),
            *(
                f"{file.history_file} was overwritten by another file and no version of it is left: ask the sender for "
                f"{_of(file)}"
                for file in noted.lost
            ),
        ]
    )


def _of(file: InboxFile) -> str:
    return f"{file.source_file}, which came at {file.received_at:%Y-%m-%d %H:%M:%S}, SHA-256 {file.file_hash}"


def _registered(table: str, metadata: str | None) -> str:
    namespace, _, name = table.partition(".")
    if not (namespace and name):
        raise BusinessError(f"{table!r} is no table: name it with its database, such as curated.sales.")
    if metadata:
        return f"{table} is registered from {catalog_tables.register(namespace, name, metadata)}"
    shown = "\n".join(catalog_tables.candidates(namespace, name))
    raise BusinessError(
        f"{table}: nothing was registered yet. Its last metadata is one of these, the newest first:\n{shown}\n"
        "The newest may be of a commit that never came about. Take the first whose run says on its page that it published, "
        "or whose snapshot MONITORING.LOAD_HEADS has, and name it with --metadata."
    )


if __name__ == "__main__":
    sys.exit(main())
