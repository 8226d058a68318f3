"""SHOW and DESCRIBE of what the registry knows, with Snowflake's columns. What is not known here is null."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from local.snowflake.access import refused
from local.snowflake.access.answers import Answer, is_like
from local.snowflake.access.orders import Describe, Show
from local.snowflake.access.registry import Registry, Thing
from local.snowflake.access.securables import Securable, in_full
from local.snowflake.access.showing_grants import future_grants, grants
from local.snowflake.refusals import unsupported

if TYPE_CHECKING:
    from local.snowflake.access.gate import Gate

Values = dict[str, Any]
_SIZES = {"XSMALL": "X-Small", "XLARGE": "X-Large", "XXLARGE": "2X-Large", "XXXLARGE": "3X-Large"}
_COLUMNS = {
    "ROLES": "created_on name is_default is_current is_inherited assigned_to_users granted_to_roles granted_roles owner"
    " comment",
    "USERS": "name created_on login_name display_name first_name last_name email mins_to_unlock days_to_expiry comment"
    " disabled must_change_password snowflake_lock default_warehouse default_namespace default_role"
    " default_secondary_roles ext_authn_duo ext_authn_uid mins_to_bypass_mfa owner last_success_login"
    " expires_at_time locked_until_time has_password has_rsa_public_key type",
    "WAREHOUSES": "name state type size min_cluster_count max_cluster_count started_clusters running queued is_default"
    " is_current auto_suspend auto_resume available provisioning quiescing other created_on resumed_on updated_on"
    " owner comment enable_query_acceleration query_acceleration_max_scale_factor resource_monitor scaling_policy"
    " owner_role_type",
    "RESOURCE MONITORS": "name credit_quota used_credits remaining_credits level frequency start_time end_time notify_at"
    " suspend_at suspend_immediately_at created_on owner comment notify_users",
    "NETWORK POLICIES": "created_on name comment entries_in_allowed_ip_list entries_in_blocked_ip_list"
    " entries_in_allowed_network_rules entries_in_blocked_network_rules",
    "INTEGRATIONS": "name type category enabled comment created_on",
    "MASKING POLICIES": "created_on name database_name schema_name kind owner comment owner_role_type options",
    "DATABASES": "created_on name is_default is_current origin owner comment options retention_time kind budget"
    " owner_role_type object_visibility",
    "SCHEMAS": "created_on name is_default is_current database_name owner comment options retention_time"
    " owner_role_type",
}
_TERSE = "created_on name kind database_name schema_name"
_KIND = {
    "ROLES": "ROLE",
    "USERS": "USER",
    "WAREHOUSES": "WAREHOUSE",
    "RESOURCE MONITORS": "RESOURCE MONITOR",
    "NETWORK POLICIES": "NETWORK POLICY",
    "INTEGRATIONS": "INTEGRATION",
    "MASKING POLICIES": "MASKING POLICY",
}
_PARAMETERS = {"DATA_RETENTION_TIME_IN_DAYS": 1, "MAX_DATA_EXTENSION_TIME_IN_DAYS": 14, "NETWORK_POLICY": ""}
"""Those of an object that can be asked for, and their defaults."""


def show(order: Show, gate: Gate) -> Answer:
    if order.what == "GRANTS":
        return grants(order, gate)
    if order.what == "FUTURE GRANTS":
        return future_grants(order, gate)
    if order.what == "PARAMETERS":
        return _parameters(order, gate)
    what = "INTEGRATIONS" if order.what.endswith("INTEGRATIONS") else order.what
    columns = (_TERSE if order.is_terse else _COLUMNS[what]).split()
    found = _values(what, order, gate)
    rows = [
        [values.get(column) for column in columns] for values in found if is_like(values["name"], order.like)
    ]
    return Answer(tuple(columns), rows[: order.limit])


def _values(what: str, order: Show, gate: Gate) -> Iterator[Values]:
    registry, judge = gate.access.registry, gate.judge
    if what == "ROLES":
        yield from (_role(registry, role, gate) for role in registry.roles())
        return
    if what in ("DATABASES", "SCHEMAS"):
        yield from _containers(what, order, gate)
        return
    for securable, thing in registry.all_of(_KIND[what]):
        inside = order.relation != "IN" or not order.name or securable.name[: len(order.name)] == order.name
        if inside and judge.sees(securable):
            yield _common(securable, thing) | _OF[what](thing)


def _common(securable: Securable, thing: Thing) -> Values:
    return {
        "name": securable.name[-1],
        "created_on": thing.created,
        "owner": thing.owner,
        "comment": thing.properties.get("COMMENT", ""),
        "owner_role_type": "ROLE",
        "options": "",
    }


def _role(registry: Registry, role: str, gate: Gate) -> Values:
    members = registry.members.get(role, set())
    thing = registry.things.get(Securable("ROLE", (role,)))
    has = [other for other, those in registry.members.items() if ("ROLE", role) in those]
    return {
        "name": role,
        "created_on": thing.created if thing else "",
        "is_current": "Y" if role == gate.standing.role else "N",
        "is_inherited": "Y" if gate.judge.has_role(role) and role != gate.standing.role else "N",
        "is_default": "N",
        "assigned_to_users": sum(kind == "USER" for kind, _ in members),
        "granted_to_roles": sum(kind == "ROLE" for kind, _ in members),
        "granted_roles": len(has),
        "owner": thing.owner if thing else "",
        "comment": thing.properties.get("COMMENT", "") if thing else "",
    }


def _user(thing: Thing) -> Values:
    kept = thing.properties
    secondary = kept.get("DEFAULT_SECONDARY_ROLES", ["ALL"])
    return {
        **{name.lower(): kept.get(name) for name in ("DISPLAY_NAME", "FIRST_NAME", "LAST_NAME", "EMAIL")},
        **{
            name.lower(): kept.get(name)
            for name in ("DEFAULT_WAREHOUSE", "DEFAULT_NAMESPACE", "DEFAULT_ROLE")
        },
        "login_name": kept.get("LOGIN_NAME"),
        "default_secondary_roles": "[" + ",".join(f'"{role}"' for role in secondary) + "]",
        "disabled": bool(kept.get("DISABLED")),
        "has_password": "PASSWORD" in kept,
        "has_rsa_public_key": bool({"RSA_PUBLIC_KEY", "RSA_PUBLIC_KEY_2"} & kept.keys()),
        "type": str(kept.get("TYPE", "PERSON")).upper(),
    }


def _warehouse(thing: Thing) -> Values:
    kept = thing.properties
    size = str(kept.get("WAREHOUSE_SIZE", "XSMALL")).upper().replace("-", "")
    return {
        "state": "SUSPENDED",
        "type": str(kept.get("WAREHOUSE_TYPE", "STANDARD")).upper(),
        "size": _SIZES.get(size, size.capitalize()),
        "min_cluster_count": kept.get("MIN_CLUSTER_COUNT", 1),
        "max_cluster_count": kept.get("MAX_CLUSTER_COUNT", 1),
        "auto_suspend": kept.get("AUTO_SUSPEND", 600),
        "auto_resume": kept.get("AUTO_RESUME", True),
        "resource_monitor": str(kept.get("RESOURCE_MONITOR") or "null").strip('"'),
        "scaling_policy": str(kept.get("SCALING_POLICY", "STANDARD")).upper(),
        "enable_query_acceleration": kept.get("ENABLE_QUERY_ACCELERATION", False),
    }


def _monitor(thing: Thing) -> Values:
    kept = thing.properties
    at = {
        action: [f"{percent}%" for percent, does in kept.get("TRIGGERS", []) if does == action]
        for action in _ACTIONS
    }
    quota = kept.get("CREDIT_QUOTA")
    return {
        "credit_quota": None if quota is None else f"{float(quota):.2f}",
        "used_credits": "0.00",
        "remaining_credits": None if quota is None else f"{float(quota):.2f}",
        "frequency": str(kept.get("FREQUENCY", "MONTHLY")).upper(),
        "start_time": kept.get("START_TIMESTAMP"),
        "end_time": kept.get("END_TIMESTAMP"),
        **{column: ",".join(at[action]) or None for action, column in _ACTIONS.items()},
        "notify_users": kept.get("NOTIFY_USERS"),
    }


_ACTIONS = {"NOTIFY": "notify_at", "SUSPEND": "suspend_at", "SUSPEND_IMMEDIATE": "suspend_immediately_at"}


def _policy(thing: Thing) -> Values:
    kept = thing.properties
    return {
        "entries_in_allowed_ip_list": len(kept.get("ALLOWED_IP_LIST", [])),
        "entries_in_blocked_ip_list": len(kept.get("BLOCKED_IP_LIST", [])),
        "entries_in_allowed_network_rules": len(kept.get("ALLOWED_NETWORK_RULE_LIST", [])),
        "entries_in_blocked_network_rules": len(kept.get("BLOCKED_NETWORK_RULE_LIST", [])),
    }


def _integration(thing: Thing) -> Values:
    return {
        "type": str(thing.properties.get("TYPE", "")).upper(),
        "category": "STORAGE",
        "enabled": thing.properties.get("ENABLED", False),
    }


def _masking(_: Thing) -> Values:
    return {"kind": "MASKING_POLICY"}


_OF: dict[str, Callable[[Thing], Values]] = {
    "USERS": _user,
    "WAREHOUSES": _warehouse,
    "RESOURCE MONITORS": _monitor,
    "NETWORK POLICIES": _policy,
    "INTEGRATIONS": _integration,
    "MASKING POLICIES": _masking,
}


def _containers(what: str, order: Show, gate: Gate) -> Iterator[Values]:
    kind = what[:-1]
    if order.name and not gate.is_known(Securable("DATABASE", order.name[:1])):
        raise refused.unusable()
    within = order.name or (
        (gate.scope.database or "",) if what == "SCHEMAS" and order.kind != "ACCOUNT" else ()
    )
    for securable in gate.all_of(kind):
        if (within and securable.name[:1] != within[:1]) or not gate.judge.sees(securable):
            continue
        thing = gate.access.registry.thing(securable) or Thing(gate.access.registry.owner(securable), kind)
        yield _common(securable, thing) | {
            "database_name": securable.name[0],
            "is_default": "N",
            "is_current": "Y" if securable.name[-1] in (gate.scope.database, gate.scope.schema) else "N",
            "kind": "STANDARD" if kind == "DATABASE" else None,
            "options": "MANAGED ACCESS" if thing.properties.get("MANAGED ACCESS") else "",
            "retention_time": _parameter("DATA_RETENTION_TIME_IN_DAYS", securable, gate)[0],
        }


def _parameter(name: str, securable: Securable, gate: Gate) -> tuple[Any, str]:
    """Its value, and where it was set."""
    each = securable
    while each.name:
        thing = gate.access.registry.thing(each)
        if thing and name in thing.properties:
            return thing.properties[name], each.kind
        each = each.container
    return _PARAMETERS[name], ""


def _parameters(order: Show, gate: Gate) -> Answer:
    kind = order.kind or ""
    name = in_full(kind, order.name, gate.scope)
    if (
        name is None
        or not gate.is_known(securable := Securable(kind, name))
        or not gate.judge.sees(securable)
    ):
        raise refused.unusable()
    asked = [
        each
        for each in _PARAMETERS
        if is_like(each, order.like) and (kind == "USER") == (each == "NETWORK_POLICY")
    ]
    found = [(each, *_parameter(each, securable, gate)) for each in asked]
    rows = [(key, value, _PARAMETERS[key], level, None, None) for key, value, level in found]
    return Answer(("key", "value", "default", "level", "description", "type"), rows)


def describe(order: Describe, gate: Gate) -> Answer:
    name = in_full(order.kind, order.name, gate.scope)
    securable = Securable(order.kind, name or order.name)
    thing = gate.access.registry.thing(securable)
    if thing is None or not gate.judge.sees(securable):
        raise refused.hidden(securable)
    kept = thing.properties
    if order.kind == "MASKING POLICY":
        signature = ", ".join(f"{name} {type_}" for name, type_ in kept["ARGUMENTS"])
        row = (securable.name[-1], f"({signature})", kept["RETURNS"], kept["BODY"])
        return Answer(("name", "signature", "return_type", "body"), [row])
    if order.kind == "NETWORK POLICY":
        return Answer(("name", "value"), [(key, value) for key, value in kept.items() if key != "COMMENT"])
    if order.kind == "INTEGRATION":
        return _described_integration(securable, kept)
    if order.kind == "USER":
        rows = [("NAME", securable.name[0]), *kept.items()]
        return Answer(
            ("property", "value", "default", "description"), [(key, value, None, None) for key, value in rows]
        )
    raise unsupported(f"DESCRIBE {order.kind}")


def _described_integration(securable: Securable, kept: Values) -> Answer:
    """With the user that Snowflake would have made in its own AWS account: here a name alone."""
    made = {
        "STORAGE_AWS_IAM_USER_ARN": "arn:aws:iam::000000000000:user/local-snowflake",
        "STORAGE_AWS_EXTERNAL_ID": f"LOCAL_SFCRole={securable.name[0]}",
    }
    given = {**kept, **(made if kept.get("STORAGE_PROVIDER") == "S3" else {})}
    rows = [
        (key, _type(value), value, None) for key, value in given.items() if key not in ("TYPE", "COMMENT")
    ]
    return Answer(("property", "property_type", "property_value", "property_default"), rows)


def _type(value: Any) -> str:
    return "Boolean" if isinstance(value, bool) else "List" if isinstance(value, list) else "String"
