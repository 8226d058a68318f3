"""The account's registry with its file and its lock, and who may log in as what."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.snowflake.access import record, refused, stages
from local.snowflake.access.judge import Standing
from local.snowflake.access.registry import ADMINISTRATOR, PUBLIC, Registry, Thing
from local.snowflake.access.securables import Securable

FILE = "access.json"


class LoginRefused(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class AccountAccess:
    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE
        self._lock = threading.RLock()
        self.registry: Registry = record.read(self._path)

    @contextmanager
    def changing(self) -> Iterator[Registry]:
        """Change the registry. The change is on disk before the lock is released."""
        with self._lock:
            yield self.registry
            self.registry.changed()
            record.write(self.registry, self._path)

    def open(self, connection: Any) -> None:
        """Put back what DuckDB had in memory alone."""
        for securable, thing in self.registry.things.items():
            stages.put_back(connection, securable, thing)

    # --- login

    def standing(self, user: str, role: str | None, warehouse: str | None) -> Standing:
        """As whom a user logs in. Raises LoginRefused."""
        user = user.upper()
        known = self.registry.things.get(Securable("USER", (user,)))
        standing = self._of_a_user(user, known, role) if known else self._of_anybody(user, role)
        properties = known.properties if known else {}
        standing.warehouse = self._warehouse(standing, warehouse or properties.get("DEFAULT_WAREHOUSE"))
        return standing

    def _of_anybody(self, user: str, role: str | None) -> Standing:
        wanted = role.upper() if role else ADMINISTRATOR
        return Standing(user, wanted if self.registry.has_role(wanted) else ADMINISTRATOR)

    def _of_a_user(self, user: str, known: Thing, role: str | None) -> Standing:
        if known.properties.get("DISABLED"):
            raise LoginRefused(
                refused.DISABLED_USER, "User access disabled. Contact your local system administrator."
            )
        wanted = str(role or known.properties.get("DEFAULT_ROLE") or PUBLIC).upper()
        # Snowflake's default since its bundle 2024_08.
        secondary = known.properties.get("DEFAULT_SECONDARY_ROLES", ["ALL"])
        standing = Standing(user, wanted, is_known=True, has_secondary=bool(secondary))
        if not standing.may_take(self.registry, wanted):
            raise LoginRefused(
                refused.ROLE_OF_LOGIN,
                f"Role '{wanted}' specified in the connect string does not exist or not authorized. Contact your"
                " local system administrator, or attempt to login with another role, e.g. PUBLIC.",
            )
        return standing

    def _warehouse(self, standing: Standing, warehouse: Any) -> str | None:
        if not warehouse:
            return None
        name = str(warehouse).upper()
        usable = self.registry.has(
            standing.active(self.registry), ("USAGE", "OPERATE"), Securable("WAREHOUSE", (name,))
        )
        return name if usable else None
