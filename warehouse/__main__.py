"""python -m warehouse migrate [--account]: apply the pending migrations to the warehouse in the configured secret."""

from __future__ import annotations

import argparse
import sys

from tasks.errors import HighwaterError
from tasks.services.snowflake import connect, seconds_of
from tasks.settings import settings
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
    given = parser.parse_args(arguments)
    apply = migrate_account if given.account else migrate
    try:
        with connect(
            flow="warehouse",
            run_id="migrate",
            step="migrate",
            role=given.role,
            unlimited_seconds=seconds_of(Kind.MART),
        ) as connection:
            apply(connection, settings().database)
    except (HighwaterError, MigrationRefused) as error:
        sys.stderr.write(f"migrate: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
