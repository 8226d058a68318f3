"""Objects as they stand in a file, found again by their byte offsets."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from tasks.delimited.encoding import Encoding
from tasks.json_lines.splitting import BLANKS, LONGEST_RECORD

_WINDOW = 1 << 10
_PLAIN = json.JSONDecoder()


def raw_objects(plain: Path, encoding: Encoding, offsets: Iterable[int]) -> Iterator[str]:
    """The text of the objects that begin at these offsets of an unpacked file. Each was parsed before."""
    with plain.open("rb") as file:
        for offset in offsets:
            yield _object(file, offset, encoding)


def _object(file: BinaryIO, offset: int, encoding: Encoding) -> str:
    size = _WINDOW
    while True:
        file.seek(offset)
        found = file.read(size)
        is_end = len(found) < size or size > LONGEST_RECORD * 4
        # A character that the window cuts is left out.
        decoder = codecs.getincrementaldecoder(encoding.codec)("replace")
        text = decoder.decode(found, is_end).lstrip(BLANKS)
        try:
            return text[: _PLAIN.raw_decode(text)[1]]
        except ValueError:
            if is_end:
                return text
            size *= 4
