"""The plan, step by step, and the table at its end."""

from __future__ import annotations

import textwrap
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.rehearsal.entry import Entry
from tests.rehearsal.page import assigned, commands_on
from tests.rehearsal.plan import PLAN
from tests.rehearsal.scene import Scene

_COMMAND_WIDTH, _OUTCOME_WIDTH, _SHOWN_WIDTH = 52, len("ELSEWHERE"), 90


@dataclass(frozen=True)
class Row:
    title: str
    command: str
    outcome: str
    seconds: float
    shown: str


def rehearse(scene: Scene) -> int:
    """0 if all steps were done that can be; it stops at the first that fails, because the next ones need it."""
    commands = assigned(commands_on(), PLAN)
    rows: list[Row] = []
    for entry in PLAN:
        row = _row(scene, entry, commands)
        rows.append(row)
        if entry.act:
            print(f"{row.seconds:6.1f} s  {row.title}: {row.outcome}  {row.shown}", flush=True)
        if row.outcome == "FAILED":
            break
    print(f"\n{table(rows)}")
    return 1 if rows[-1].outcome == "FAILED" else 0


def _row(scene: Scene, entry: Entry, commands: Mapping[str, Sequence[str]]) -> Row:
    of_page = commands.get(entry.begins, [])
    command = " / ".join(of_page)
    if entry.act is None:
        return Row(entry.title, command, entry.outcome, 0, entry.where or entry.lacks)
    began = time.monotonic()
    try:
        shown = entry.act(scene, command)
        outcome = entry.outcome
    except Exception as error:
        traceback.print_exc()
        shown, outcome = f"{type(error).__name__}: {error}", "FAILED"
    lacks = f"NOT DONE: {entry.lacks}" if entry.lacks and outcome != "FAILED" else ""
    said = "; ".join(filter(None, (shown, lacks)))
    return Row(entry.title, command, outcome, time.monotonic() - began, said)


def table(rows: Sequence[Row]) -> str:
    """What a step showed goes over several lines; a long command is cut."""
    width = max(len(row.title) for row in rows)
    head = f"{'STEP':<{width}}  {'COMMAND':<{_COMMAND_WIDTH}}  {'':<{_OUTCOME_WIDTH}}  {'SECONDS':>7}  WHAT IT SHOWED"
    lines = [head, "-" * (len(head) + _SHOWN_WIDTH - len("WHAT IT SHOWED"))]
    for row in rows:
        first, *more = textwrap.wrap(row.shown, _SHOWN_WIDTH) or [""]
        command = textwrap.shorten(row.command or "(by the rehearsal)", _COMMAND_WIDTH, placeholder=" ...")
        seconds = f"{row.seconds:.1f}" if row.seconds else ""
        lines.append(
            f"{row.title:<{width}}  {command:<{_COMMAND_WIDTH}}  {row.outcome:<{_OUTCOME_WIDTH}}  "
            f"{seconds:>7}  {first}".rstrip()
        )
        lines += [f"{'':<{width + _COMMAND_WIDTH + _OUTCOME_WIDTH + 15}}{line}" for line in more]
    count = {
        outcome: sum(row.outcome == outcome for row in rows)
        for outcome in dict.fromkeys(r.outcome for r in rows)
    }
    total = sum(row.seconds for row in rows)
    return "\n".join(
        [*lines, "", f"{', '.join(f'{n} {outcome}' for outcome, n in count.items())}; {total:.0f} s"]
    )
