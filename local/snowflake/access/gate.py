"""The gate that each statement of a session passes: it is judged before it runs, and what it made is recorded after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlglot import Expr

from local.snowflake.access import existing, refused, stages
from local.snowflake.access.judge import Judge, Standing
from local.snowflake.access.masks import QUERY, Masks, in_full_names, masks_for, touches
from local.snowflake.access.needs import Effect, Plan, plan_of
from local.snowflake.access.registry import ADMINISTRATOR, Thing
from local.snowflake.access.securables import KINDS_IN_A_SCHEMA, Scope, Securable, in_full
from local.snowflake.refusals import unsupported

if TYPE_CHECKING:
    from local.snowflake.access.account_access import AccountAccess
    from local.snowflake.session import Session

_MOST_PASSED = 2000
_NOTHING, _MASKED = Plan(), Plan(is_masked=True)


class Gate:
    def __init__(self, access: AccountAccess, session: Session, standing: Standing) -> None:
        self.access = access
        self.standing = standing
        self._session = session
        self._passed: dict[object, Plan] = {}
        self._as_of: object = None
        self._masks: tuple[object, dict[tuple[str, ...], Masks]] | None = None

    @property
    def scope(self) -> Scope:
        session = self._session
        return Scope(
            session.database if session.database_set else None, session.schema if session.schema_set else None
        )

    @property
    def judge(self) -> Judge:
        """By the roles as they are now."""
        return Judge(self.access.registry, self.standing, self.is_there, self._is_own)

    def is_there(self, securable: Securable) -> bool:
        return existing.is_there(self._session._duck_conn, securable)

    def is_known(self, securable: Securable) -> bool:
        """Whether an object of any kind exists. Of what has no place in DuckDB, the registry knows."""
        if securable.kind == "ACCOUNT":
            return True
        if existing.may_be_there(securable):
            return self.is_there(securable)
        registry = self.access.registry
        return registry.thing(securable) is not None or (
            securable.kind == "ROLE" and registry.has_role(securable.name[0])
        )

    def all_of(self, kind: str) -> list[Securable]:
        return existing.all_of(self._session._duck_conn, kind)

    def _is_own(self, securable: Securable) -> bool:
        return securable.name in self._session.temporary

    def pass_(self, text: str, statement: Expr) -> Plan:
        """Raise Snowflake's error if the session may not run the statement. What passed once, passes until a change."""
        standing = self.standing
        as_of = self.access.registry.version, standing.role, standing.has_secondary, standing.warehouse
        if as_of != self._as_of or len(self._passed) > _MOST_PASSED:
            self._passed, self._as_of = {}, as_of
        key = text, self._session.scope
        if (plan := self._passed.get(key)) is not None:
            return plan
        plan = plan_of(statement)
        if not (plan.is_known or self.judge.has_role(ADMINISTRATOR)):
            raise unsupported(f"{' '.join(text.split())[:80]!r} for a role other than {ADMINISTRATOR}")
        if plan.needs:
            judge, scope = self.judge, self.scope
            for need in plan.needs:
                judge.check(need, scope)
        if plan.computes and not self._has_warehouse():
            raise refused.no_warehouse()
        is_masked = self._is_masked(plan)
        if not plan.effects:
            self._passed[key] = plan = _MASKED if is_masked else _NOTHING
        return replace(plan, is_masked=is_masked)

    def _has_warehouse(self) -> bool:
        """What an administrator creates a user for is held to this. Others are tests' and tools', with any warehouse."""
        standing, registry = self.standing, self.access.registry
        if not standing.is_known:
            return True
        warehouse = Securable("WAREHOUSE", (standing.warehouse or "",))
        usable = registry.has(standing.active(registry), ("USAGE",), warehouse)
        return usable and registry.thing(warehouse) is not None

    def _is_masked(self, plan: Plan) -> bool:
        if not self.masks:
            return False
        names = (
            in_full("TABLE", need.name, self.scope) for need in plan.needs if "SELECT" in need.privileges
        )
        read = [name for name in names if name and name not in self._session.temporary]
        return touches(read, self.masks, self.access.registry)

    @property
    def masks(self) -> dict[tuple[str, ...], Masks]:
        if self._masks is None or self._masks[0] != self._as_of:
            roles = self.standing.active(self.access.registry)
            self._masks = self._as_of, masks_for(self.access.registry, roles, self.standing.role)
        return self._masks[1]

    def filters(self, command: str) -> bool:
        """Whether INFORMATION_SCHEMA is to show less than there is."""
        return "INFORMATION_SCHEMA" in command.upper() and not self.judge.manages_grants()

    def forget(self) -> None:
        """After the session's temporary tables have changed: they need no privilege, and hide others."""
        self._passed = {}

    # --- what statements make

    def before(self, effects: Sequence[Effect]) -> list[tuple[Effect, Securable, bool]]:
        """The effects with their objects, and which of them exist already."""
        found = []
        for effect in effects:
            name = in_full(effect.kind, effect.name, self.scope)
            if name is None or self._is_own(securable := Securable(effect.kind, name)):
                continue
            is_known = self.access.registry.thing(securable) is not None
            found.append((effect, securable, is_known or self.is_there(securable)))
        return found

    def record(self, effects: list[tuple[Effect, Securable, bool]]) -> None:
        with self.access.changing() as registry:
            for effect, securable, existed in effects:
                if effect.what == "drop":
                    registry.drop(securable)
                elif effect.what == "rename":
                    if (name := in_full(effect.kind, effect.new_name, self.scope)) is not None:
                        registry.rename(securable, Securable(effect.kind, name))
                elif effect.replaces or not existed:
                    self._created(effect, securable)

    def _created(self, effect: Effect, securable: Securable) -> None:
        registry = self.access.registry
        before = registry.grants.get(securable.key, {})
        registry.drop(securable)
        reads = self._in_full(effect.reads)
        thing = Thing(
            self.standing.role, securable.kind, reads=reads, created=f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
        )
        if effect.query is not None:
            thing.properties[QUERY] = in_full_names(effect.query, self.scope)
        registry.create(securable, thing)
        if effect.copies_grants and before:
            registry.grants[securable.key] = before
        if effect.integration:
            stages.note_integration(self._session._duck_conn, securable, effect.integration)
        is_kept = stages.keep(self._session._duck_conn, securable, thing) or reads
        is_plain = thing.owner == ADMINISTRATOR and securable.kind in KINDS_IN_A_SCHEMA and not is_kept
        if is_plain and securable.key not in registry.grants:
            del registry.things[securable.key]  # as what nobody is known to own

    def _in_full(self, names: Sequence[tuple[str, ...]]) -> list[list[str]]:
        full = (in_full("TABLE", name, self.scope) for name in names)
        return [[*name] for name in full if name and not self._is_own(Securable("TABLE", name))]
