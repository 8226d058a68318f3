"""The commands of a page: those of its indented blocks, one by one, and what stands between backticks."""

from __future__ import annotations

import re
import subprocess
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PLACEHOLDER = re.compile(r"<([A-Za-z.][^<>\n]*)>")
_MAY_GO_ON = re.compile(r"""["'`({]|<<|^(?:for|while|if|case)\b""")


@dataclass(frozen=True)
class Command:
    text: str
    in_block: bool


def commands_of(page: Path) -> Iterator[Command]:
    """In the page's order, continued lines joined."""
    block = list[str]()
    for line in [*page.read_text().replace("\\\n", " ").splitlines(), ""]:
        if re.match(r" {4,}\S", line):
            block.append(line)
            continue
        if block:
            yield from (Command(text, in_block=True) for text in _whole(block))
            block = []
        yield from (Command(span, in_block=False) for span in re.findall(r"`([^`]+)`", line))


def _whole(block: Sequence[str]) -> Iterator[str]:
    """What bash takes for one command stays together: a loop, a text in quotes, a document after `<<`."""
    lines = textwrap.dedent("\n".join(block)).splitlines()
    while lines:
        ends = range(1, len(lines) + 1)
        # A line that never becomes a command is none of bash: it stands for itself.
        end = next((end for end in ends if _is_whole("\n".join(lines[:end]))), 1)
        yield "\n".join(lines[:end])
        lines = lines[end:]


def _is_whole(text: str) -> bool:
    if not _MAY_GO_ON.search(text):
        return True
    asked = ["bash", "-n"]
    done = subprocess.run(
        asked, input=PLACEHOLDER.sub("X", text), capture_output=True, text=True, check=False
    )
    # It only warns of a document without an end.
    return done.returncode == 0 and not done.stderr
