"""python -m warehouse migrate, migrate --account DATABASE, rebuild-marts or rebuild: changes to the warehouse.

migrate applies the pending migrations of tables, with the login in HIGHWATER_SNOWFLAKE_DEPLOYER_SECRET. With --account an
administrator makes what the account has for one database, with a login of their own. rebuild-marts computes the CPG and the
retail marts whole, from all that is loaded; dbt makes the engagement marts on each run. rebuild fills an empty warehouse
from the lake. Both use the flows' login, which Snowflake takes from the flows' addresses alone; with --connection they use a
person's own, and act as the flows' role.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from tasks.errors import HighwaterError
from tasks.recovery.rebuild import rebuild
from tasks.services.snowflake import connect, seconds_of, snowflake_failures
from tasks.services.snowflake_people import administrator, as_pipeline
from tasks.settings import settings
from tasks.warehouse.warehouse_marts import refresh_marts, refresh_retail_marts
from warehouse.account.checks import ObjectsDiffer, integration_of, limit_of
from warehouse.account.given import given
from warehouse.account.names import AccountNames
from warehouse.migrate import MigrationRefused, migrate, migrate_account
from warehouse.statement import Kind

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection


def main(arguments: list[str] | None = None) -> int:
    chosen = _parser().parse_args(arguments)
    try:
        with snowflake_failures(chosen.command):
            if chosen.command == "rebuild-marts":
                _rebuild_marts(chosen)
            elif chosen.command == "rebuild":
                _rebuild(chosen)
            elif chosen.account is not None:
                _migrate_account(chosen)
            else:
                _migrate()
    except (HighwaterError, MigrationRefused, ObjectsDiffer) as error:
        sys.stderr.write(f"{chosen.command}: {error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m warehouse", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("migrate", help="apply the pending files of warehouse/migrations")
    account = command.add_argument_group("for --account")
    account.add_argument(
        "--account", metavar="DATABASE", help="apply warehouse/account instead, for this database"
    )
    account.add_argument("--connection", metavar="NAME", help="your own login: a section of connections.toml")
    account.add_argument(
        "--outputs", type=Path, help="the file that `cdk deploy --all --outputs-file` has written"
    )
    account.add_argument(
        "--migrate-from", nargs="+", default=[], metavar="CIDR", help="networks from which people migrate"
    )
    account.add_argument("--worker-key", type=Path, help="public key of the flows' user, when it is made")
    account.add_argument(
        "--deploy-key", type=Path, help="public key of the migrations' user, when it is made"
    )
    account.add_argument(
        "--notify", nargs="+", default=[], metavar="USER", help="whom the resource monitor writes to"
    )
    marts = commands.add_parser(
        "rebuild-marts", help="compute the marts whole, not only what the loads have changed"
    )
    filled = commands.add_parser(
        "rebuild",
        help="fill an empty, migrated warehouse from the lake and the inbox's history; harmless to repeat",
    )
    for command in (marts, filled):
        command.add_argument(
            "--connection", metavar="NAME", help="your own login: a section of connections.toml"
        )
    filled.add_argument(
        "--accept-drop",
        action="append",
        default=[],
        type=date.fromisoformat,
        metavar="DAY",
        help="load marketing's snapshot of this day although it has less than half the rows of the one before",
    )
    return parser


def _migrate() -> None:
    secret = settings().snowflake_deployer_secret
    try:
        names = AccountNames(settings().database)
    except ValueError as error:
        raise MigrationRefused(f"HIGHWATER_DATABASE: {error}") from error
    with connect(
        "warehouse",
        "migrate",
        "migrate",
        secret=secret,
        unlimited_seconds=seconds_of(Kind.MART),
    ) as connection:
        if str(connection.role).upper() != names.deployer:
            raise MigrationRefused(
                f"HIGHWATER_DATABASE is {names.database}, which {names.deployer} migrates, but {secret} logs in as"
                f" {connection.role}. Set HIGHWATER_DATABASE to the database of that login's environment."
            )
        migrate(connection, names.database)


def _migrate_account(chosen: argparse.Namespace) -> None:
    lacking = [f"--{name}" for name in ("connection", "outputs", "migrate-from") if not _has(chosen, name)]
    if lacking:
        raise MigrationRefused(f"--account needs {', '.join(lacking)} too")
    try:
        names = AccountNames(chosen.account)
        known = given(
            chosen.outputs, chosen.migrate_from, chosen.worker_key, chosen.deploy_key, chosen.notify
        )
    except (OSError, ValueError) as error:
        raise MigrationRefused(f"--account: {error}") from error
    with administrator(chosen.connection, "migrate --account", seconds_of(Kind.MART)) as connection:
        migrate_account(connection, names, known)
        user, external_id = integration_of(connection, names)
        limit = limit_of(connection, names)
    sys.stdout.write(
        f"{names.database} is as warehouse/account says. {limit}.\nFor the stack highwater-access:\n"
        f"SnowflakeUserArn={user}\nSnowflakeExternalId={external_id}\n"
    )


def _has(chosen: argparse.Namespace, name: str) -> bool:
    return bool(getattr(chosen, name.replace("-", "_")))


def _rebuild_marts(chosen: argparse.Namespace) -> None:
    with _as_flows(chosen) as connection:
        refresh_marts(connection, whole=True)
        refresh_retail_marts(connection, "rebuild-marts", whole=True)


def _rebuild(chosen: argparse.Namespace) -> None:
    with _stopped_as_by_hand(), _as_flows(chosen) as connection:
        rebuild(connection, lambda line: print(line, flush=True), frozenset(chosen.accept_drop))


@contextmanager
def _stopped_as_by_hand() -> Iterator[None]:
    """What stops a program from outside ends the block as Ctrl-C does, so that its end goes on record. Where a hangup is
    ignored (nohup) it stays so."""
    by_default = [
        each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) is signal.SIG_DFL
    ]

    def stop(number: int, frame: FrameType | None) -> None:
        for each in by_default:  # a closed terminal hangs up twice, and the end is being written down
            signal.signal(each, signal.SIG_IGN)
        by_hand = signal.getsignal(signal.SIGINT)  # while a statement runs the connector's, which cancels it
        (by_hand if callable(by_hand) else signal.default_int_handler)(number, frame)

    for each in by_default:
        signal.signal(each, stop)
    try:
        yield
    finally:
        for each in by_default:
            signal.signal(each, signal.SIG_DFL)


def _as_flows(chosen: argparse.Namespace) -> AbstractContextManager[SnowflakeConnection]:
    seconds = seconds_of(Kind.MART)
    if chosen.connection is not None:
        return as_pipeline(chosen.connection, chosen.command, seconds)
    return connect("warehouse", chosen.command, chosen.command, unlimited_seconds=seconds)


if __name__ == "__main__":
    sys.exit(main())
