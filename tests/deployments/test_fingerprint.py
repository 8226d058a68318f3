from __future__ import annotations

from pathlib import Path

from deployments.fingerprint import fingerprint


def test_changes_with_a_source_and_with_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    source = tmp_path / "flows" / "daily.py"
    source.write_text("a = 1\n")
    names = ("flows", "prefect.yaml")
    before = fingerprint(tmp_path, names)

    (tmp_path / "flows" / "daily.pyc").write_text("compiled")
    (tmp_path / "other.py").write_text("not named")
    assert fingerprint(tmp_path, names) == before

    source.write_text("a = 2\n")
    changed = fingerprint(tmp_path, names)
    assert changed != before

    (tmp_path / "prefect.yaml").write_text("name: x\n")
    assert fingerprint(tmp_path, names) != changed
