"""The benchmark's refresh computes the days that its corrections touch, and ends in the marts of a rebuild."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import marts_on_history


def test_a_day_computes_the_days_that_it_corrects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marts_on_history, "LINES", 280)
    monkeypatch.setattr(marts_on_history, "CORRECTED", 28)
    found = marts_on_history.measured(40 * 280, tmp_path)
    assert found["days_computed"] == 15
    scanned = found["refresh"]["rows_scanned_by"]
    assert scanned["read what the marts miss"] > 0
    assert found["refresh"]["rows_scanned"] == sum(scanned.values())
