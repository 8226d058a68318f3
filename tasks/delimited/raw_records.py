"""Records as they stand in a file, found again by their byte offsets."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from tasks.delimited.blocks import LONGEST_RECORD, Walker
from tasks.delimited.planning import Plan

_WINDOW = 1 << 10


def raw_records(plain: Path, plan: Plan, offsets: Iterable[int]) -> Iterator[str]:
    """The text of the records that begin at these offsets of an unpacked file, without their line ends."""
    walker = Walker(plain.name, plan.dialect, plan.width, plan.encoding, careful=True)
    with plain.open("rb") as file:
        for offset in offsets:
            yield _record(file, offset, plan, walker)


def _record(file: BinaryIO, offset: int, plan: Plan, walker: Walker) -> str:
    size = _WINDOW
    while True:
        file.seek(offset)
        found = file.read(size)
        is_end = len(found) < size or size > LONGEST_RECORD
        records, _ = walker.careful(_utf8(found, plan, is_end), 0, 0, final=is_end)
        if records or is_end:
            return records[0].raw if records else ""
        size *= 4


def _utf8(found: bytes, plan: Plan, is_end: bool) -> bytes:
    """The bytes as the splitters expect them. A character that the window cuts is left out."""
    if plan.encoding.is_utf8:
        return found
    decoder = codecs.getincrementaldecoder(plan.encoding.codec)("replace")
    return decoder.decode(found, is_end).encode()
