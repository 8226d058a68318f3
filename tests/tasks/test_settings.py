from __future__ import annotations

import pytest
from pydantic import ValidationError

from tasks.settings import Settings

NETWORK = {
    "HIGHWATER_TRAINING_SUBNETS": "subnet-1, subnet-2",
    "HIGHWATER_TRAINING_SECURITY_GROUPS": "sg-1",
}


@pytest.fixture(autouse=True)
def network(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in NETWORK.items():
        monkeypatch.setenv(name, value)


def test_subnets_and_groups_are_separated_by_commas() -> None:
    known = Settings()
    assert known.training_subnets == ["subnet-1", "subnet-2"]
    assert known.training_security_groups == ["sg-1"]


@pytest.mark.parametrize("missing", NETWORK)
def test_half_a_network_is_refused(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setenv(missing, "")
    with pytest.raises(ValidationError, match="name both or neither"):
        Settings()


def test_without_both_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NETWORK:
        monkeypatch.delenv(name)
    assert Settings().training_subnets == Settings().training_security_groups == []
