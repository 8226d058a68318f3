"""The page's commands find their steps, and what has no step is said. Nothing is run here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.rehearsal.entry import Entry, elsewhere, not_done, step
from tests.rehearsal.page import PlanDiffers, Unfilled, assigned, commands_on, filled
from tests.rehearsal.plan import PLAN
from tests.rehearsal.rehearsal import Row, table
from tests.rehearsal.scene import ROOT, Scene

PAGE = """# A page

`make release` and `make infra` are on it, `HIGHWATER_DATABASE=X` is no command.

    export REGION=<region>      # of all
    make infra                  # with a remark
    aws deploy --all \\
        --parameters <a b>
    python3 - > "$x" <<'END'
    print("a",
          "b")
    END
    for user in a b; do
        make it $user
    done
    login() { python3 -c 'import sys
    print("it is", sys.argv)' "$@"; }

1. Then `.venv/bin/python -m warehouse migrate --account` and `.venv/bin/python -m warehouse migrate`:

       make release ENV=dev
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.md"
    path.write_text(PAGE)
    return path


def run(scene: Scene, command: str) -> str:
    return command


BEGINS = (
    "export",
    "make infra",
    "aws deploy",
    "python3 -",
    "for user",
    "login()",
    ".venv/bin/python -m warehouse migrate",
    "make release ENV",
)
STEPS = tuple(step(begins, begins, run) for begins in BEGINS)
ACCOUNT = not_done("account", ".venv/bin/python -m warehouse migrate --account", "a real account")
COMPLETE = (*STEPS, ACCOUNT)


def test_commands_are_whole_and_in_the_pages_order(page: Path) -> None:
    assert commands_on(page) == [
        "make release",
        "export REGION=<region>",
        "make infra",
        "aws deploy --all --parameters <a b>",
        'python3 - > "$x" <<\'END\'\nprint("a",\n      "b")\nEND',
        "for user in a b; do\n    make it $user\ndone",
        """login() { python3 -c 'import sys\nprint("it is", sys.argv)' "$@"; }""",
        ".venv/bin/python -m warehouse migrate --account",
        ".venv/bin/python -m warehouse migrate",
        "make release ENV=dev",
    ]


def test_the_longest_beginning_gets_a_command(page: Path) -> None:
    found = assigned(commands_on(page), COMPLETE)
    assert found[".venv/bin/python -m warehouse migrate"] == [".venv/bin/python -m warehouse migrate"]
    assert found[".venv/bin/python -m warehouse migrate --account"] == [
        ".venv/bin/python -m warehouse migrate --account"
    ]
    # `make release` in prose is a mention of it.
    assert found["make release ENV"] == ["make release ENV=dev"]


@pytest.mark.parametrize(
    ("plan", "complaint"),
    [
        (COMPLETE[1:], "on the page, but not in the plan: export REGION=<region>"),
        ((*COMPLETE, not_done("gone", "make tea", "no pot")), "in the plan, but not on the page: make tea"),
        (
            (STEPS[0], step("both", "make", run), *STEPS[2:-1], ACCOUNT),
            "several commands for one step: ['make infra', 'make release ENV=dev']",
        ),
        (
            (STEPS[1], STEPS[0], *STEPS[2:], ACCOUNT),
            "run before what the page has before it: export REGION=<region>",
        ),
    ],
)
def test_what_differs_is_said(page: Path, plan: tuple[Entry, ...], complaint: str) -> None:
    with pytest.raises(PlanDiffers) as difference:
        assigned(commands_on(page), plan)
    assert str(difference.value) == complaint


def test_every_command_of_the_page_has_its_step() -> None:
    found = assigned(commands_on(), PLAN)
    assert sum(len(commands) for commands in found.values()) >= 50


def test_what_is_not_done_says_why() -> None:
    silent = [entry.title for entry in PLAN if entry.act is None and not (entry.lacks or entry.where)]
    assert silent == []


def test_what_is_run_elsewhere_is_run_there() -> None:
    """A workflow, or the target that a workflow makes, has the command: `make infra` in check.yml."""
    found = [entry for entry in PLAN if entry.outcome == "ELSEWHERE"]
    assert {"make infra", "make check", "make secrets"} <= {entry.begins for entry in found}
    for entry in found:
        *_, target = entry.begins.split()
        files = re.findall(r"[a-z/._]+\.(?:yml|py)", entry.where)
        assert files, entry.title
        for name in files:
            assert target in _made_by(name), f"{entry.begins} is not in {name}"


def _made_by(file: str) -> set[str]:
    """The targets in a workflow's matrices and steps; the words of a test."""
    if not file.endswith(".yml"):
        return set(re.findall(r"\w+", (ROOT / file).read_text()))
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / file).read_text())["jobs"].values()
    made: set[str] = set()
    for job in jobs:
        steps = " ".join(str(step.get("run", "")) for step in job["steps"])
        if re.search(r'make "?\$\{?\{?\s*(TARGET|matrix\.target)', steps):
            made |= set(job["strategy"]["matrix"]["target"])
        made |= set(re.findall(r"make (\w+)", steps))
    return made


def test_a_placeholder_without_a_value_is_no_command() -> None:
    values = {"region": "ap-south-1", ".../api": "http://x/api"}
    assert (
        filled("cdk aws://<region> <.../api> <<'END'", values) == "cdk aws://ap-south-1 http://x/api <<'END'"
    )
    with pytest.raises(Unfilled, match="no value for <account>, <a b> of"):
        filled("cdk <account> <region> <a b>", values)


def test_outcomes() -> None:
    assert step("a", "a", run).outcome == "done"
    assert step("a", "a", run, lacks="the rest").outcome == "in part"
    assert not_done("a", "a", "all").outcome == "NOT DONE"
    assert elsewhere("a", "a", "check.yml").outcome == "ELSEWHERE"


def test_the_table_counts_and_wraps() -> None:
    rows = [
        Row("first", "make it", "done", 1.24, "word " * 30),
        Row("second", "make " + "x " * 60, "NOT DONE", 0, "a real account"),
        Row("third", "make check", "ELSEWHERE", 0, "check.yml"),
    ]
    lines = table(rows).splitlines()
    assert lines[2].startswith("first   make it ")
    assert lines[3].strip() == "word " * 11 + "word"
    assert lines[4].split()[0] == "second"
    assert "NOT DONE" in lines[4]
    assert (
        lines[5].index("check.yml")
        == lines[4].index("a real account")
        == len(lines[3]) - len(lines[3].lstrip())
    )
    assert lines[-1] == "1 done, 1 NOT DONE, 1 ELSEWHERE; 1 s"
