"""A view reads with its owner's rights, and shows no more than it selects."""

from __future__ import annotations

import pytest

from tests.local.snowflake.access.client import As, Client


@pytest.fixture(scope="module", autouse=True)
def roles(admin: Client) -> None:
    admin.all("CREATE ROLE MAKER; CREATE ROLE READER; GRANT ROLE MAKER TO ROLE SYSADMIN")
    for role in ("MAKER", "READER"):
        admin.all(
            f"GRANT USAGE ON DATABASE SALES TO ROLE {role}; GRANT USAGE ON SCHEMA SALES.DW TO ROLE {role};"
            "GRANT CREATE VIEW ON SCHEMA SALES.DW TO ROLE MAKER; GRANT USAGE ON SCHEMA SALES.RAW TO ROLE MAKER"
        )


def test_a_view_is_made_of_what_its_owner_may_read(as_: As, admin: Client) -> None:
    maker = as_(role="MAKER")
    create = "CREATE OR REPLACE VIEW SALES.DW.NAMES AS SELECT name FROM SALES.RAW.FILES"
    assert maker.error(create)[0] == 2003

    admin("GRANT SELECT ON TABLE SALES.RAW.FILES TO ROLE MAKER")
    maker(create)
    maker("GRANT SELECT ON VIEW SALES.DW.NAMES TO ROLE READER")
    reader = as_(role="READER")
    assert reader("SELECT name FROM SALES.DW.NAMES") == [("Anna",)]
    assert reader.refusal("SELECT name FROM SALES.RAW.FILES") == 2003


def test_a_view_whose_owner_lost_the_right_shows_nothing(as_: As, admin: Client) -> None:
    admin("GRANT SELECT ON TABLE SALES.RAW.FILES TO ROLE MAKER")
    maker, reader = as_(role="MAKER"), as_(role="READER")
    maker.all(
        "CREATE OR REPLACE VIEW SALES.DW.INNER_V AS SELECT name FROM SALES.RAW.FILES;"
        "CREATE OR REPLACE VIEW SALES.DW.OUTER_V AS SELECT name FROM SALES.DW.INNER_V;"
        "GRANT SELECT ON VIEW SALES.DW.OUTER_V TO ROLE READER"
    )
    assert reader.refusal("SELECT * FROM SALES.DW.OUTER_V") is None

    admin("REVOKE SELECT ON TABLE SALES.RAW.FILES FROM ROLE MAKER")
    assert reader.error("SELECT * FROM SALES.DW.OUTER_V") == (
        2037,
        "SQL compilation error:\nFailure during expansion of view 'OUTER_V': SQL compilation error:\nFailure during"
        " expansion of view 'INNER_V': SQL compilation error:\nObject 'SALES.RAW.FILES' does not exist or not authorized.",
    )
    admin("GRANT SELECT ON TABLE SALES.RAW.FILES TO ROLE MAKER")


def test_a_view_is_replaced_and_dropped_by_its_owner(as_: As, admin: Client) -> None:
    admin("GRANT SELECT ON TABLE SALES.RAW.FILES TO ROLE MAKER")
    maker, reader = as_(role="MAKER"), as_(role="READER")
    maker("CREATE OR REPLACE VIEW SALES.DW.OWN AS SELECT 1 AS a")
    maker("GRANT SELECT ON VIEW SALES.DW.OWN TO ROLE READER")

    assert reader.refusal("DROP VIEW SALES.DW.OWN") == 3001
    maker("DROP VIEW SALES.DW.OWN")
    assert reader.refusal("SELECT * FROM SALES.DW.OWN") == 2003
