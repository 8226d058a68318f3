from __future__ import annotations

import re

import pytest
from highwater_infra.compute import REPOSITORY
from highwater_infra.snowflake import filled, public_key

OUTPUTS = {
    "highwater-lake": {"LakeBucket": "highwater-lake-111122223333-ap-south-1"},
    "highwater-access": {"SnowflakeRoleArn": "arn:aws:iam::111122223333:role/highwater-snowflake"},
}
PEM = "-----BEGIN PUBLIC KEY-----\nMIIB\nIjAN=\n-----END PUBLIC KEY-----\n"


def test_the_outputs_are_in_the_scripts() -> None:
    scripts = filled(OUTPUTS, public_key(PEM))
    assert list(scripts) == ["1_user.sql", "2_integration.sql", "3_finish.sql"]
    assert "RSA_PUBLIC_KEY = 'MIIBIjAN='" in scripts["1_user.sql"]
    assert "'arn:aws:iam::111122223333:role/highwater-snowflake'" in scripts["2_integration.sql"]
    assert "('s3://highwater-lake-111122223333-ap-south-1/')" in scripts["2_integration.sql"]
    assert "URL = 's3://highwater-lake-111122223333-ap-south-1/'" in scripts["3_finish.sql"]
    assert not [text for text in scripts.values() if "${" in text]


def test_the_highest_role_is_taken_away_again() -> None:
    text = "\n".join(filled(OUTPUTS, "MIIB").values())
    changes = re.findall(r"^(GRANT|REVOKE) ROLE ACCOUNTADMIN (?:TO|FROM) USER (\w+)", text, re.MULTILINE)
    assert changes == [("GRANT", "HIGHWATER_WORKER"), ("REVOKE", "HIGHWATER_WORKER")]
    assert "PASSWORD =" not in text.upper()


def _warehouses(text: str) -> dict[str, str]:
    found = re.findall(r"CREATE WAREHOUSE IF NOT EXISTS (\w+)\s+([^;]+);", text)
    return {name: " ".join(settings.split()) for name, settings in found}


def test_the_first_migration_has_a_warehouse_to_run_in() -> None:
    """Made by the role that runs the migration, hence its own; and no other one than that which the migration makes."""
    script = filled(OUTPUTS, "MIIB")["1_user.sql"]
    assert re.findall(r"^USE ROLE (\w+);", script, re.MULTILINE) == ["ACCOUNTADMIN"]
    (default,) = re.findall(r"DEFAULT_WAREHOUSE = (\w+)", script)
    account = REPOSITORY / "warehouse" / "account"
    migrated = _warehouses("\n".join(path.read_text() for path in account.glob("*.sql")))
    assert _warehouses(script) == {default: migrated[default]}


@pytest.mark.parametrize("bucket", ["lake'); DROP DATABASE HIGHWATER; --", "lake bucket", ""])
def test_what_is_no_name_is_refused(bucket: str) -> None:
    with pytest.raises(ValueError, match="lake_bucket"):
        filled({**OUTPUTS, "highwater-lake": {"LakeBucket": bucket}}, "MIIB")


def test_a_missing_output_is_named() -> None:
    with pytest.raises(ValueError, match="LakeBucket of highwater-lake"):
        filled({}, "MIIB")


def test_a_private_key_is_refused() -> None:
    with pytest.raises(ValueError, match="not a public key"):
        public_key("-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n")
