"""/opt/ml where mount namespaces can be had, and the stated mapping where they can't."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from local.aws.job_runner import CannotRunError
from local.aws.sagemaker.images import Environment
from local.aws.sagemaker.opt_ml import OptMl, Program
from tests.local.aws.conftest import cut_off

SHOW = (
    "import json, os, pathlib, sys;"
    "pathlib.Path(sys.argv[1]).write_text(json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]))"
)


def run(ml: OptMl, program: Program) -> tuple[list[str], dict[str, str], str]:
    python = Path(subprocess.check_output(["which", "python3"], text=True).strip())
    subprocess.run(
        ml.argv(program),
        env=ml.environment(program, python, {"AWS_REGION": "r"}),
        cwd=ml.cwd(program),
        check=True,
    )
    argv, env, cwd = json.loads(ml.path("/opt/ml/out.json").read_text())
    return argv, env, cwd


def test_without_namespaces_arguments_and_variables_name_the_jobs_directory(tmp_path: Path) -> None:
    ml = OptMl(tmp_path, isolated=False)
    ml.make("/opt/ml/code")
    program = Program(
        ["python3", "-c", SHOW, "/opt/ml/out.json", "--data=/opt/ml/input/data", "s3://lake/x"],
        {"SM_MODEL_DIR": "/opt/ml/model", "SM_ENV": '{"a":"/opt/ml/b"}', "SM_HP_N": "3"},
        cwd="/opt/ml/code",
    )

    argv, env, cwd = run(ml, program)

    here = f"{tmp_path}/opt/ml"
    assert argv == [f"{here}/out.json", f"--data={here}/input/data", "s3://lake/x"]
    assert (env["SM_MODEL_DIR"], env["SM_ENV"]) == (f"{here}/model", f'{{"a":"{here}/b"}}')
    assert (env["SAGEMAKER_BASE_DIR"], env["SM_HP_N"]) == (here, "3")
    assert cwd == f"{here}/code"


@cut_off
def test_with_namespaces_opt_ml_is_opt_ml(tmp_path: Path) -> None:
    before = sorted(path.name for path in Path("/opt").iterdir())
    ml = OptMl(tmp_path / "job", isolated=True)
    ml.make("/opt/ml/code")

    argv, env, cwd = run(
        ml, Program(["python3", "-c", SHOW, "/opt/ml/out.json"], {"A": "/opt/ml/a"}, "/opt/ml/code")
    )

    assert (argv, env["A"], cwd) == (["/opt/ml/out.json"], "/opt/ml/a", "/opt/ml/code")
    assert "SAGEMAKER_BASE_DIR" not in env
    assert sorted(path.name for path in Path("/opt").iterdir()) == before
    assert list((tmp_path / "job" / "opt-before").iterdir()) == []


@pytest.mark.parametrize("path", ["/opt/ml/../x", "/etc/passwd", "/opt/mlx", "relative"])
def test_a_path_outside_opt_ml_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(CannotRunError, match="is not a path below /opt/ml"):
        OptMl(tmp_path, isolated=False).path(path)


def test_a_missing_environment_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(
        CannotRunError, match=r"InternalServerError: .* is missing, in which x:1 runs: run `make setup`"
    ):
        Environment("x:1", tmp_path / "none").check_installed()
