"""docs/deploy.md against the plan: each command of the page has a place in the plan, and the plan has no other."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.docs.blocks import PLACEHOLDER, commands_of
from tests.rehearsal.entry import Entry

PAGE = Path(__file__).parents[2] / "docs" / "deploy.md"
PROGRAMS = (
    "aws",
    "buildah",
    "cdk",
    "docker",
    "gh",
    "make",
    "openssl",
    ".venv/bin/prefect",
    ".venv/bin/python",
)
OURS = "make rehearse"


class PlanDiffers(Exception):
    """The page has commands that the plan does not know, or the plan has some that the page does not."""


class Unfilled(Exception):
    """A command that is to be run has a placeholder without a value."""


def commands_on(page: Path = PAGE) -> list[str]:
    """The commands of a page, each once and in its order; one that prose mentions before its block is at the block."""
    found: dict[str, bool] = {}
    for command in commands_of(page):
        text = _bare(command.text)
        if not (command.in_block or _is_command(text)):
            continue
        if command.in_block and found.get(text) is False:
            del found[text]
        found.setdefault(text, command.in_block)
    return list(found)


def _is_command(span: str) -> bool:
    words = span.split()
    return len(words) > 1 and words[0] in PROGRAMS and span != OURS


def _bare(text: str) -> str:
    """Without comment and alignment."""
    first, end, rest = text.partition("\n")
    return re.sub(r" {2,}", " ", re.sub(r" {2,}# .*", "", first)) + end + rest


def assigned(commands: Sequence[str], plan: Sequence[Entry]) -> dict[str, list[str]]:
    """The page's commands of each entry, by how the entry says they begin. Raises PlanDiffers."""
    of_page = [entry for entry in plan if entry.begins]
    found: dict[str, list[str]] = {entry.begins: [] for entry in of_page}
    unknown = []
    for command in commands:
        if command not in found and any(other.startswith(f"{command} ") for other in commands):
            continue  # a mention of the other
        fitting = [begins for begins in found if command.startswith(begins)]
        if fitting:
            found[max(fitting, key=len)].append(command)
        else:
            unknown.append(command)
    complaints = [
        *(f"on the page, but not in the plan: {command}" for command in unknown),
        *(f"in the plan, but not on the page: {begins}" for begins, theirs in found.items() if not theirs),
        *(f"several commands for one step: {theirs}" for theirs in _too_many(of_page, found)),
    ]
    if not complaints:
        complaints = _out_of_order(
            [(found[entry.begins][0], entry) for entry in of_page if entry.act], commands
        )
    if complaints:
        raise PlanDiffers("\n".join(complaints))
    return found


def _too_many(plan: Sequence[Entry], found: Mapping[str, list[str]]) -> list[list[str]]:
    return [found[entry.begins] for entry in plan if entry.act and len(found[entry.begins]) > 1]


def _out_of_order(run: Sequence[tuple[str, Entry]], commands: Sequence[str]) -> list[str]:
    places = [commands.index(command) for command, _ in run]
    pairs = zip(places, places[1:], run[1:], strict=False)
    return [
        f"run before what the page has before it: {command}" for one, two, (command, _) in pairs if two < one
    ]


def filled(command: str, values: Mapping[str, str]) -> str:
    """The command with values for its placeholders. Raises Unfilled."""
    missing = [name for name in PLACEHOLDER.findall(command) if name not in values]
    if missing:
        raise Unfilled(f"no value for {', '.join(f'<{name}>' for name in missing)} of: {command}")
    return PLACEHOLDER.sub(lambda found: values[found[1]], command)
