"""What is on disk is there again after the server was killed; what was only in memory is known to be gone."""

from __future__ import annotations

from pathlib import Path

from local.snowflake.server import open_account


def test_databases_are_open_again(tmp_path: Path) -> None:
    account = open_account(tmp_path, "http://127.0.0.1:9")
    cursor = account.connect().cursor()
    cursor.execute("CREATE DATABASE highwater")
    cursor.execute("CREATE SCHEMA highwater.raw")
    cursor.execute("CREATE TABLE highwater.raw.kept (a INT)")
    cursor.execute("INSERT INTO highwater.raw.kept VALUES (1)")
    cursor.execute("CREATE STAGE highwater.raw.lake URL = 's3://lake/'")
    cursor.execute("CREATE FILE FORMAT highwater.raw.lines TYPE = JSON STRIP_OUTER_ARRAY = TRUE")
    cursor.execute("CREATE ROLE reader COMMENT = 'reads'")
    cursor.execute("GRANT USAGE ON STAGE highwater.raw.lake TO ROLE reader")
    account.duck_conn.close()

    again = open_account(tmp_path, "http://127.0.0.1:9")

    cursor = again.connect("highwater", "raw").cursor()
    assert cursor.execute("SELECT a FROM kept").fetchall() == [(1,)]
    assert [row[1:5] for row in cursor.execute("SHOW STAGES").fetchall()] == [
        ("LAKE", "HIGHWATER", "RAW", "s3://lake/")
    ]
    assert [row[1] for row in cursor.execute("SHOW FILE FORMATS").fetchall()] == ["LINES"]
    assert [row[1:4] for row in cursor.execute("SHOW GRANTS TO ROLE reader").fetchall()] == [
        ("USAGE", "STAGE", "HIGHWATER.RAW.LAKE")
    ]
    again.duck_conn.close()
