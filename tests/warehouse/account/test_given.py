"""What an administrator gives to the account's migration is checked before anything is sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from warehouse.account.given import given, networks
from warehouse.account.names import AccountNames

OUTPUTS = {
    "highwater-lake": {"LakeBucket": "highwater-lake-111122223333-ap-south-1"},
    "highwater-access": {"SnowflakeRoleArn": "arn:aws:iam::111122223333:role/highwater-snowflake"},
    "highwater-network": {"SnowflakeClients": "192.0.2.1/32,192.0.2.2/32"},
}
PEM = "-----BEGIN PUBLIC KEY-----\nMIIB\nIjAN=\n-----END PUBLIC KEY-----\n"


def written(folder: Path, outputs: Any, name: str = "outputs.json") -> Path:
    path = folder / name
    path.write_text(outputs if isinstance(outputs, str) else json.dumps(outputs))
    return path


def test_outputs_and_keys_are_read(tmp_path: Path) -> None:
    key = written(tmp_path, PEM, "key.pub")
    read = given(written(tmp_path, OUTPUTS), ["198.51.100.0/24"], key, None, ["asha"])
    assert (read.lake_bucket, read.role_arn) == (
        "highwater-lake-111122223333-ap-south-1",
        "arn:aws:iam::111122223333:role/highwater-snowflake",
    )
    assert (read.addresses, read.migrate_from) == (("192.0.2.1/32", "192.0.2.2/32"), ("198.51.100.0/24",))
    assert (read.worker_key, read.deploy_key, read.notify) == ("MIIBIjAN=", None, ("ASHA",))


@pytest.mark.parametrize("bucket", ["lake'); DROP DATABASE HIGHWATER; --", "lake bucket", ""])
def test_what_is_no_name_is_refused(tmp_path: Path, bucket: str) -> None:
    outputs = {**OUTPUTS, "highwater-lake": {"LakeBucket": bucket}}
    with pytest.raises(ValueError, match="LakeBucket of highwater-lake"):
        given(written(tmp_path, outputs))


def test_a_user_to_notify_is_named_as_snowflake_keeps_it(tmp_path: Path) -> None:
    """A plain name without quotes is kept in capitals, an address only exists with quotes."""
    users = ["asha", "Ben_2", "Chandra.R@example.com"]
    assert given(written(tmp_path, OUTPUTS), notify=users).notify == (
        "ASHA",
        "BEN_2",
        "Chandra.R@example.com",
    )


@pytest.mark.parametrize("user", ['asha"', "a b", "asha)", ""])
def test_what_is_no_user_is_refused(tmp_path: Path, user: str) -> None:
    with pytest.raises(ValueError, match="--notify"):
        given(written(tmp_path, OUTPUTS), notify=[user])


def test_a_missing_output_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no output LakeBucket of highwater-lake"):
        given(written(tmp_path, {}))


def test_a_private_key_is_refused(tmp_path: Path) -> None:
    private = "-----BEGIN PRIVATE " + "KEY-----\nMIIB\n-----END PRIVATE " + "KEY-----\n"
    with pytest.raises(ValueError, match=r"key\.pub is not a public key"):
        given(written(tmp_path, OUTPUTS), (), written(tmp_path, private, "key.pub"))


@pytest.mark.parametrize("network", ["everywhere", "192.0.2.1/24", "192.0.2.1'); --"])
def test_what_is_no_network_is_refused(network: str) -> None:
    with pytest.raises(ValueError, match=r"192\.0\.2\.1|everywhere"):
        networks([network])


@pytest.mark.parametrize("database", ["", "X; DROP DATABASE Y", "my-database", '"Quoted"'])
def test_a_database_name_is_no_sql(database: str) -> None:
    with pytest.raises(ValueError, match="plain Snowflake identifier"):
        AccountNames(database)


def test_all_names_begin_with_the_database_in_capitals() -> None:
    names = AccountNames("highwater_dev")
    found = [getattr(names, name) for name in dir(names) if not name.startswith("_")]
    assert len(found) == len(set(found)) == 16
    assert [name for name in found if not name.startswith("HIGHWATER_DEV")] == []
