"""A lake with the databases of the medallion."""

from __future__ import annotations

import pytest

from deployments import names
from tasks.services import aws


@pytest.fixture
def empty_layers(empty_lake: None) -> None:
    for name in names.MEDALLION:
        aws.glue().create_database(DatabaseInput={"Name": name})
