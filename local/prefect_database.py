"""A migrated, empty database of the Prefect server, cached because migrating takes several seconds of CPU."""

from __future__ import annotations

import shutil
import sqlite3
from importlib.metadata import version
from pathlib import Path

from local.settings import LocalSettings

# Records that the block types in the database next to it are registered.
_MEMO = "memo_store.toml"
_DATABASE = "prefect.db"


def use_template(settings: LocalSettings) -> None:
    """Copy the template to a server without a database, if there is a template of its version."""
    template = _template(settings)
    if (settings.prefect_state / _DATABASE).exists() or not (template / _DATABASE).exists():
        return
    settings.prefect_state.mkdir(parents=True, exist_ok=True)
    for file in (_MEMO, _DATABASE):
        if (template / file).exists():
            shutil.copy(template / file, settings.prefect_state / file)


def keep_template(settings: LocalSettings) -> None:
    """Copy the database of a server that has just started and is still unused."""
    template = _template(settings)
    if (template / _DATABASE).exists() or not (settings.prefect_state / _DATABASE).exists():
        return
    if _is_used(settings.prefect_state / _DATABASE):
        return
    template.mkdir(parents=True, exist_ok=True)
    unfinished = template / f"{_DATABASE}.unfinished"
    unfinished.unlink(missing_ok=True)
    with sqlite3.connect(settings.prefect_state / _DATABASE) as source, sqlite3.connect(unfinished) as copy:
        source.backup(copy)
    if (settings.prefect_state / _MEMO).exists():
        shutil.copy(settings.prefect_state / _MEMO, template / _MEMO)
    unfinished.rename(template / _DATABASE)


def _is_used(database: Path) -> bool:
    with sqlite3.connect(database) as connection:
        row = connection.execute("SELECT count(*) FROM work_pool").fetchone()
    return bool(row[0])


def _template(settings: LocalSettings) -> Path:
    return settings.cache / f"prefect-{version('prefect')}"
