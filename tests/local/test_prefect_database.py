from __future__ import annotations

import sqlite3
from pathlib import Path

from local.prefect_database import keep_template, use_template
from local.settings import LocalSettings


def _server_database(settings: LocalSettings, pools: int) -> Path:
    settings.prefect_state.mkdir(parents=True, exist_ok=True)
    path = settings.prefect_state / "prefect.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE work_pool (name TEXT)")
        database.executemany("INSERT INTO work_pool VALUES (?)", [(str(i),) for i in range(pools)])
    (settings.prefect_state / "memo_store.toml").write_text("block_auto_registration = 'x'\n")
    return path


def test_the_database_of_a_fresh_server_serves_the_next_one(settings: LocalSettings) -> None:
    database = _server_database(settings, pools=0)
    keep_template(settings)
    database.unlink()
    (settings.prefect_state / "memo_store.toml").unlink()

    use_template(settings)

    with sqlite3.connect(database) as copied:
        assert copied.execute("SELECT count(*) FROM work_pool").fetchone() == (0,)
    assert (settings.prefect_state / "memo_store.toml").exists()


def test_a_database_with_content_is_neither_kept_nor_overwritten(settings: LocalSettings) -> None:
    database = _server_database(settings, pools=2)
    keep_template(settings)
    assert not list(settings.cache.rglob("*.db"))

    use_template(settings)

    with sqlite3.connect(database) as untouched:
        assert untouched.execute("SELECT count(*) FROM work_pool").fetchone() == (2,)
