"""python -m warehouse migrate [--account], rebuild-marts or rebuild: changes to the warehouse in the configured secret.

migrate applies the pending migrations. rebuild-marts computes the CPG and the retail marts whole, from
all that is loaded. dbt makes the engagement marts on each run. rebuild fills an empty warehouse from the lake.
"""

from __future__ import annotations

import argparse
import sys

from tasks.errors import HighwaterError
from tasks.recovery.rebuild import rebuild
from tasks.services.snowflake import connect, seconds_of
from tasks.settings import settings
from tasks.warehouse.warehouse_marts import refresh_marts, refresh_retail_marts
from warehouse.migrate import MigrationRefused, migrate, migrate_account
from warehouse.statement import Kind


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m warehouse", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("migrate", help="apply the pending files of warehouse/migrations")
    command.add_argument(
        "--account", action="store_true", help="apply warehouse/account instead: roles, warehouses, grants"
    )
    command.add_argument(
        "--role", help="role to connect with instead of the secret's (ACCOUNTADMIN for --account)"
    )
    commands.add_parser("rebuild-marts", help="compute the marts whole, not only what the loads have changed")
    commands.add_parser(
        "rebuild",
        help="fill an empty, migrated warehouse from the lake and the inbox's history; harmless to repeat",
    )
    given = parser.parse_args(arguments)
    try:
        with connect(
            flow="warehouse",
            run_id=given.command,
            step=given.command,
            role=getattr(given, "role", None),
            unlimited_seconds=seconds_of(Kind.MART),
        ) as connection:
            if given.command == "rebuild-marts":
                refresh_marts(connection, whole=True)
                refresh_retail_marts(connection, "rebuild-marts", whole=True)
            elif given.command == "rebuild":
                rebuild(connection, lambda line: print(line, flush=True))
            else:
                (migrate_account if given.account else migrate)(connection, settings().database)
    except (HighwaterError, MigrationRefused) as error:
        sys.stderr.write(f"{given.command}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
