"""Whether a session may do what a statement needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from snowflake.connector.errors import ProgrammingError

from local.snowflake.access import refused
from local.snowflake.access.reads import Need
from local.snowflake.access.registry import ADMINISTRATOR, Registry
from local.snowflake.access.securables import ACCOUNT, ANY, OWNERSHIP, Scope, Securable, in_full
from local.snowflake.refusals import unsupported


@dataclass
class Standing:
    """As whom a session acts. Its secondary roles add their privileges, but create nothing."""

    user: str
    role: str = ADMINISTRATOR
    is_known: bool = False
    """Whether the user was created. All others are administrators: they may take any role."""
    has_secondary: bool = False
    warehouse: str | None = None

    def primary(self, registry: Registry) -> frozenset[str]:
        return registry.reached(frozenset((self.role,)))

    def active(self, registry: Registry) -> frozenset[str]:
        if not self.has_secondary:
            return self.primary(registry)
        return registry.reached(registry.roles_of_user(self.user) | {self.role})

    def may_take(self, registry: Registry, role: str) -> bool:
        if not self.is_known:
            return registry.has_role(role)
        return role in registry.reached(registry.roles_of_user(self.user))


class Judge:
    """Judges by the roles of one moment."""

    def __init__(
        self,
        registry: Registry,
        standing: Standing,
        is_there: Callable[[Securable], bool],
        is_own: Callable[..., bool],
    ) -> None:
        self._registry = registry
        self._active, self._primary = standing.active(registry), standing.primary(registry)
        self._is_there, self._is_own = is_there, is_own

    def check(self, need: Need, scope: Scope) -> None:
        """Raise Snowflake's error if the roles may not. Names that can't be completed are left to fail later."""
        if need.is_nameless:
            if ADMINISTRATOR not in self._active:
                raise unsupported(
                    "IDENTIFIER() of a value that is not in the text, for a role other than ACCOUNTADMIN"
                )
            return
        name = in_full(need.kind, need.name, scope)
        if name is None:
            return
        securable = Securable(need.kind, name)
        if securable.kind in ("TABLE", "VIEW") and not need.on_container and self._is_own(securable):
            return  # a temporary table is its session's
        if need.if_there and not self._is_there(securable):
            return
        self.require(need.privileges, securable.container if need.on_container else securable)

    def require(self, privileges: tuple[str, ...], securable: Securable) -> None:
        self._check_containers(self._active, securable)
        roles = self._primary if privileges[0].startswith("CREATE ") else self._active
        self._require(roles, privileges, securable)
        if "SELECT" in privileges:
            self._check_view(securable, frozenset())

    def _require(self, roles: frozenset[str], privileges: tuple[str, ...], securable: Securable) -> None:
        if ANY in privileges and self._registry.sees(roles, securable):
            return
        if self._registry.has(roles, privileges, securable):
            return
        if securable == ACCOUNT or (
            self._registry.sees(roles, securable) and self._is_there_at_all(securable)
        ):
            raise refused.insufficient(self._as_it_is(securable))
        raise refused.hidden(securable)

    def _check_containers(self, roles: frozenset[str], securable: Securable) -> None:
        container = securable.container
        if container == ACCOUNT:
            return
        self._check_containers(roles, container)
        if not self._registry.has(roles, ("USAGE",), container):
            raise refused.hidden(container)

    def _is_there_at_all(self, securable: Securable) -> bool:
        return self._registry.thing(securable) is not None or self._is_there(securable)

    def _as_it_is(self, securable: Securable) -> Securable:
        thing = self._registry.thing(securable)
        return Securable(thing.kind, securable.name) if thing else securable

    def _check_view(self, view: Securable, within: frozenset[Securable]) -> None:
        """A view reads with its owner's rights."""
        thing = self._registry.thing(view)
        if thing is None or not thing.reads or view in within:
            return
        roles = self._registry.reached(frozenset((thing.owner,)))
        for name in thing.reads:
            read = Securable("TABLE", tuple(name))
            try:
                self._check_containers(roles, read)
                self._require(roles, ("SELECT",), read)
                self._check_view(read, within | {view})
            except ProgrammingError as why:
                raise refused.in_view(view, why) from None

    # --- what grants are judged by

    def owns(self, securable: Securable) -> bool:
        return self._registry.has(self._active, (OWNERSHIP,), securable)

    def manages_grants(self) -> bool:
        return self._registry.has(self._active, ("MANAGE GRANTS",), ACCOUNT)

    def may_use(self, securable: Securable) -> bool:
        """Whether a session may have this database or schema as its current one."""
        has_containers = securable.container == ACCOUNT or self.may_use(securable.container)
        return has_containers and self._registry.has(self._active, ("USAGE",), securable)

    def sees(self, securable: Securable) -> bool:
        """Whether the roles see the object, and what contains it."""
        while securable != ACCOUNT:
            if not self._registry.sees(self._active, securable):
                return False
            securable = securable.container
        return True

    def has_role(self, role: str) -> bool:
        return role in self._active

    def may_grant(self, privilege: str, securable: Securable) -> bool:
        return self._registry.may_grant_on(self._active, privilege, securable)

    def may_apply_masks(self) -> bool:
        """Of any policy, on any table."""
        return self._registry.has(self._active, ("APPLY MASKING POLICY",), ACCOUNT)
