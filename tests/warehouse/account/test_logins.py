"""Who may log in from where, and which login migrates which database."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.warehouse.account.conftest import Account, policies_of
from tests.warehouse.standin import GIVEN, NAMES
from warehouse import __main__ as main
from warehouse.migrate import ACCOUNT, MigrationRefused, migrate_account


def test_a_user_has_its_network_policy_from_the_start(
    account: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Not only at the end of a run, which may fail before."""
    for file in ACCOUNT.glob("*.sql"):
        (tmp_path / file.name).write_text(file.read_text())
    (tmp_path / "A__grants.sql").write_text("GRANT ROLE NO_SUCH_ROLE TO ROLE SYSADMIN;")
    monkeypatch.setattr("warehouse.migrate.ACCOUNT", tmp_path)
    with pytest.raises(MigrationRefused, match=r"A__grants\.sql"):
        migrate_account(account.administrator, NAMES, GIVEN)
    assert policies_of(account) == {NAMES.worker: "HIGHWATER_NAT", NAMES.deploy: "HIGHWATER_MIGRATIONS"}


def test_tables_are_migrated_with_the_login_of_their_database_alone(
    account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Outside of prod the database is named in the environment: the default is prod's."""
    account.run(
        "CREATE ROLE HIGHWATER_STAGING_DEPLOYER",
        "CREATE DATABASE HIGHWATER",
        "GRANT ALL ON DATABASE HIGHWATER TO ROLE HIGHWATER_STAGING_DEPLOYER",
        "CREATE USER HIGHWATER_STAGING_DEPLOY TYPE = SERVICE DEFAULT_ROLE = HIGHWATER_STAGING_DEPLOYER",
        "GRANT ROLE HIGHWATER_STAGING_DEPLOYER TO USER HIGHWATER_STAGING_DEPLOY",
    )
    monkeypatch.setattr(
        main, "connect", lambda *_, **__: account.login("HIGHWATER_STAGING_DEPLOY", "HIGHWATER")
    )
    assert main.main(["migrate"]) == 1
    assert capsys.readouterr().err == (
        "migrate: HIGHWATER_DATABASE is HIGHWATER, which HIGHWATER_DEPLOYER migrates, but highwater/snowflake-deployer"
        " logs in as HIGHWATER_STAGING_DEPLOYER. Set HIGHWATER_DATABASE to the database of that login's environment.\n"
    )
    assert "MIGRATIONS" not in str(account.rows("SHOW SCHEMAS IN DATABASE HIGHWATER"))
