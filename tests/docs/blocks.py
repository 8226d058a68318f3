"""The commands of a page: those of its indented blocks, one by one, and what stands between backticks."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_HERE_DOCUMENT = re.compile(r"<<'?(\w+)'?$")


@dataclass(frozen=True)
class Command:
    section: str
    """The heading that it stands under."""
    text: str
    in_block: bool


def commands_of(page: Path) -> Iterator[Command]:
    """In the page's order, continued lines joined."""
    section, block = "", list[str]()
    for line in [*page.read_text().replace("\\\n", " ").splitlines(), ""]:
        if re.match(r" {4,}\S", line):
            block.append(line)
            continue
        if block:
            yield from (Command(section, text, in_block=True) for text in _whole(block))
            block = []
        if heading := re.match(r"#+ (.*)", line):
            section = heading[1]
        yield from (Command(section, span, in_block=False) for span in re.findall(r"`([^`]+)`", line))


def _whole(block: Iterable[str]) -> Iterator[str]:
    """Lines that are one command together stay together: a text in quotes, a document after `<<`."""
    command, end = "", ""
    for line in textwrap.dedent("\n".join(block)).splitlines():
        command = f"{command}\n{line}" if command else line
        if not end and (found := _HERE_DOCUMENT.search(line)):
            end = found[1]
        if line == end or (not end and command.count('"') % 2 == 0):
            yield command
            command, end = "", ""
    if command:
        yield command
