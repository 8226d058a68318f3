"""Personal data is masked for everybody but the loader and the roles above it."""

from __future__ import annotations

import re

import pytest
from schemachange.session.Script import AlwaysScript, get_all_scripts_recursively

from contracts.marketing.demographics import DEMOGRAPHICS
from contracts.retail import INBOX
from warehouse.migrate import ACCOUNT

TEXT = (ACCOUNT / "A__masking.sql").read_text()


@pytest.mark.parametrize("table", ["RAW.RAW_CUSTOMER_DEMOGRAPHICS", "DW.DIM_CUSTOMER_PROFILE"])
def test_what_the_contract_calls_personal_is_masked(table: str) -> None:
    masked = re.findall(
        rf"ALTER TABLE IF EXISTS {{{{ database }}}}\.{re.escape(table)}\s+MODIFY COLUMN (\w+)"
        r" SET MASKING POLICY {{ database }}\.DW\.PERSONAL_TEXT FORCE;",
        TEXT,
    )
    assert masked == [column.name for column in DEMOGRAPHICS.personal]


def test_quarantined_lines_are_shown_of_kinds_without_personal_data_only() -> None:
    (kinds,) = re.findall(r"CASE WHEN kind IN \((.+)\) OR IS_ROLE_IN_SESSION", TEXT)
    assert set(re.findall(r"\w+", kinds)) == {name for name, dataset in INBOX.items() if not dataset.personal}


def test_masks_are_put_on_every_time() -> None:
    """After a migration has made the table, the text of the masks is as it was."""
    (script,) = (
        script
        for script in get_all_scripts_recursively(root_directory=ACCOUNT).values()
        if "MASKING POLICY" in script.file_path.read_text()
    )
    assert isinstance(script, AlwaysScript)
