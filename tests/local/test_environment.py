from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from local import environment as local_environment
from local.environment import code_version, environment, process_environment, shell_exports
from local.settings import LocalSettings


def test_names_every_endpoint_of_this_cloud(settings: LocalSettings) -> None:
    values = environment(settings)

    assert values["AWS_ENDPOINT_URL"] == f"http://127.0.0.1:{settings.aws_port}"
    assert values["PREFECT_API_URL"] == f"http://127.0.0.1:{settings.prefect_port}/api"
    assert values["PREFECT_HOME"] == str(settings.state / "prefect")
    assert values["PREFECT_DEFAULT_RESULT_STORAGE_BLOCK"] == "s3-bucket/highwater-results"
    assert values["AWS_DEFAULT_REGION"] == "ap-south-1"
    assert values["HIGHWATER_LAKE_BUCKET"] == "highwater-lake"
    assert values["HIGHWATER_WORK_POOL"] == "highwater-local"


def test_a_shell_reads_back_what_was_exported(tmp_path: Path) -> None:
    settings = LocalSettings(state=tmp_path / 'it\'s a $(false) "state"; dir')
    script = f'{shell_exports(settings)}\nprintf "%s" "$HIGHWATER_LOCAL_STATE"'

    shell = subprocess.run(["bash", "-eu", "-c", script], capture_output=True, text=True, check=True)

    assert shell.stdout == str(settings.state)


def test_a_shell_forgets_the_users_own_cloud(settings: LocalSettings) -> None:
    script = f'export AWS_PROFILE=prod\n{shell_exports(settings)}\nprintf "%s" "${{AWS_PROFILE-unset}}"'

    shell = subprocess.run(["bash", "-eu", "-c", script], capture_output=True, text=True, check=True)

    assert shell.stdout == "unset"


def test_parts_do_not_inherit_the_users_own_cloud(settings: LocalSettings) -> None:
    inherited = {
        "AWS_PROFILE": "prod",
        "AWS_SESSION_TOKEN": "real",
        "AWS_ACCESS_KEY_ID": "AKIAREAL",
        "PREFECT_API_KEY": "real",
        "HOME": "/home/x",
    }

    values = process_environment(settings, inherited)

    assert values["HOME"] == "/home/x"
    assert values["AWS_ACCESS_KEY_ID"] == "local"
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "PREFECT_API_KEY"} & values.keys()


def test_another_process_gets_the_same_settings(settings: LocalSettings) -> None:
    passed_on = environment(settings)
    prefix = "HIGHWATER_LOCAL_"

    again = LocalSettings.model_validate(
        {
            name.removeprefix(prefix).lower(): value
            for name, value in passed_on.items()
            if name.startswith(prefix)
        }
    )

    assert again == settings


def test_code_that_is_in_no_commit_has_a_version_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a second edit of a job would be taken for the first one, and its work for done."""
    versions = []
    for marks in ("one edit", "another edit"):
        monkeypatch.setattr(local_environment, "fingerprint", lambda *_, marks=marks: marks.replace(" ", ""))
        monkeypatch.setattr(local_environment, "_described", lambda: "abc123-dirty")
        code_version.cache_clear()
        versions.append(code_version())
    monkeypatch.setattr(local_environment, "_described", lambda: "abc123")
    code_version.cache_clear()
    versions.append(code_version())
    code_version.cache_clear()
    assert versions == ["abc123-dirty-oneedit", "abc123-dirty-anothere", "abc123"]
