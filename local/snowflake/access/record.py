"""The registry's file: written whole after each change, read when the server starts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from local.snowflake.access.registry import Registry, Thing
from local.snowflake.access.securables import Securable

_FORM = 1


def read(path: Path) -> Registry:
    registry = Registry()
    if not path.exists():
        return registry
    kept = json.loads(path.read_text())
    if kept["form"] != _FORM:
        raise ValueError(
            f"{path} has form {kept['form']}, this server reads {_FORM}. Start from an empty state."
        )
    registry.things = {_securable(key): Thing(**thing) for key, thing in kept["things"]}
    registry.grants = {_securable(key): grants for key, grants in kept["grants"]}
    registry.future = {_securable(key): kinds for key, kinds in kept["future"]}
    registry.members = {
        role: {(kind, name) for kind, name in members} for role, members in kept["members"].items()
    }
    return registry


def write(registry: Registry, path: Path) -> None:
    kept = {
        "form": _FORM,
        # Not asdict(), which copies all that is in it: this is a third of what a GRANT takes.
        "things": [(key, vars(thing)) for key, thing in registry.things.items()],
        "grants": [(key, grants) for key, grants in registry.grants.items() if any(grants.values())],
        "future": [*registry.future.items()],
        "members": {role: sorted(members) for role, members in registry.members.items()},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(kept))
    temporary.replace(path)


def _securable(key: list[Any]) -> Securable:
    kind, name = key
    return Securable(kind, tuple(name))
