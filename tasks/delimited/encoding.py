"""How a file's bytes become text: UTF-8 with or without a BOM, UTF-16, UTF-32, Windows-1252 and Latin-1.

The whole file is looked at, not a sample: one é in the last line decides between UTF-8 and Windows-1252.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tasks.errors import DataError

CHUNK_BYTES = 1 << 20
_SAMPLE_BYTES = 64 << 10
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Bytes that Windows-1252 does not define. Where they occur the file is in yet another encoding.
_UNDEFINED_1252 = bytes((0x81, 0x8D, 0x8F, 0x90, 0x9D))
# A file with this many good characters for a broken one is UTF-8 with damage, not Windows-1252.
_GOOD_FOR_ONE_BROKEN = 10
# Random bytes have one control character in nine; a text with a few stray ones is still a text.
_MOST_CONTROLS = 0.05
_FEW_CONTROLS = 40
# Quotes, dashes, the euro, the bullet: few texts have more of the 27 signs that Windows-1252 adds to Latin-1.
_USUAL_SIGNS = 12


@dataclass(frozen=True)
class Encoding:
    """What the bytes are. `doubt` is set where another reading is possible."""

    name: str
    bom: bytes = b""
    broken_bytes: int = 0
    doubt: str = ""

    @property
    def label(self) -> str:
        return f"{self.name} with BOM" if self.bom else self.name

    @property
    def codec(self) -> str:
        """Python's name for it."""
        return _codec(self.name)

    @property
    def is_utf8(self) -> bool:
        return self.name == "utf-8"


def find_encoding(path: Path, name: str = "") -> Encoding:
    """The encoding of a plain file. Raises DataError where the content is not text."""
    called = name or path.name
    with path.open("rb") as file:
        start = file.read(_SAMPLE_BYTES)
    for bom, says in _BOMS:
        if start.startswith(bom):
            return _checked(path, Encoding(says, bom), called)
    if wide := _wide_without_bom(start):
        return _checked(path, Encoding(wide), called)
    _require_text(called, start)
    return _eight_bit(path, "")


def pinned_encoding(path: Path, name: str, called: str = "") -> Encoding:
    """The encoding that a feed is pinned to. Raises DataError where the file's bytes contradict it."""
    called = called or path.name
    try:
        name = codecs.lookup(name).name.replace("_", "-")
    except LookupError as error:
        raise DataError(f"The pinned encoding {name!r} is unknown to Python. Correct the pin.") from error
    name = {
        "iso8859-1": "latin-1",
        "cp1252": "windows-1252",
        "utf-8-sig": "utf-8",
        "utf-16": "utf-16-le",
    }.get(name, name)
    if not name.startswith("utf-") and not _is_single_byte(name):
        raise DataError(
            f"The pinned encoding {name!r} has characters of several bytes, in which places cannot be counted. Pin UTF-8."
        )
    with path.open("rb") as file:
        start = file.read(4)
    bom, says = next(((bom, says) for bom, says in _BOMS if start.startswith(bom)), (b"", ""))
    if says and says != name:
        raise DataError(f"{called}: begins with the BOM of {says}, but its feed is pinned to {name}.")
    return _checked(path, Encoding(name, bom), called)


def utf8_chunks(path: Path, encoding: Encoding, chunk_bytes: int = CHUNK_BYTES) -> Iterator[bytes]:
    """The content as UTF-8 without its BOM, in chunks of about this size. UTF-8 passes as it is, broken bytes included."""
    with path.open("rb") as file:
        file.seek(len(encoding.bom))
        if encoding.is_utf8:
            while chunk := file.read(chunk_bytes):
                yield chunk
            return
        decoder = codecs.getincrementaldecoder(encoding.codec)()
        while chunk := file.read(chunk_bytes):
            if text := decoder.decode(chunk):
                yield text.encode()
        if text := decoder.decode(b"", final=True):
            yield text.encode()


def original_bytes(encoding: Encoding, utf8: Any) -> Any:
    """For each byte of UTF-8 (a numpy array), how many bytes of the file it stands for: the sum is an offset."""
    starts = ((utf8 & 0xC0) != 0x80).view(np.uint8)
    if encoding.name.startswith("utf-16"):
        return 2 * (starts + (utf8 >= 0xF0))
    return 4 * starts if encoding.name.startswith("utf-32") else starts


def _is_single_byte(name: str) -> bool:
    """Whether two bytes are always two characters. In Shift-JIS or GBK some pairs are one."""
    return all(len(bytes((byte, byte)).decode(_codec(name), "replace")) == 2 for byte in range(256))


def _codec(name: str) -> str:
    return "cp1252" if name == "windows-1252" else name


def _wide_without_bom(start: bytes) -> str:
    """UTF-16 and UTF-32 text of Western letters has NULs in every second byte, or in three of four."""
    if len(start) < 4 or 0 not in start:
        return ""
    size = len(start) // 4 * 4
    nul = [start[place:size:4].count(0) / (size // 4) for place in range(4)]
    if min(nul[2:]) > 0.9 and nul[1] > 0.5 and nul[0] < 0.1:
        return "utf-32-le"
    if min(nul[:2]) > 0.9 and nul[2] > 0.5 and nul[3] < 0.1:
        return "utf-32-be"
    even, odd = (nul[0] + nul[2]) / 2, (nul[1] + nul[3]) / 2
    if odd > 0.5 and even < 0.1:
        return "utf-16-le"
    return "utf-16-be" if even > 0.5 and odd < 0.1 else ""


def _require_text(called: str, start: bytes) -> None:
    controls = sum(start.count(byte) for byte in range(32) if byte not in b"\t\n\r\x0c\x01\x1c\x1d\x1e\x1f")
    # A file that ends in a block of NULs was cut by a full disk: its lines are still worth reading.
    controls -= len(start) - len(start.rstrip(b"\0"))
    if controls > max(_FEW_CONTROLS, len(start) * _MOST_CONTROLS):
        raise DataError(
            f"{called}: {controls:,} of the first {len(start):,} bytes are control characters: this is no text."
        )


def _checked(path: Path, encoding: Encoding, called: str) -> Encoding:
    """The encoding, where the whole file is valid in it."""
    if encoding.is_utf8:
        return _eight_bit(path, encoding.bom.hex())
    decoder = codecs.getincrementaldecoder(encoding.codec)()
    with path.open("rb") as file:
        file.seek(len(encoding.bom))
        position = len(encoding.bom)
        try:
            while chunk := file.read(CHUNK_BYTES):
                decoder.decode(chunk)
                position += len(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            raise DataError(
                f"{called}: not valid {encoding.name} near byte {position + error.start:,} ({error.reason}). "
                "It may be cut off, or two files of different encodings joined."
            ) from error
    return encoding


def _eight_bit(path: Path, bom_hex: str) -> Encoding:
    """UTF-8 where the whole file is (nearly) that; else Windows-1252, or Latin-1 where the two are the same."""
    bom = bytes.fromhex(bom_hex)
    tally = _Tally()
    with path.open("rb") as file:
        file.seek(len(bom))
        while chunk := file.read(CHUNK_BYTES):
            tally.add(chunk)
    tally.add(b"", final=True)
    if not tally.broken:
        return Encoding("utf-8", bom)
    if bom or tally.good >= _GOOD_FOR_ONE_BROKEN * tally.broken:
        return Encoding("utf-8", bom, tally.broken, f"{tally.broken:,} bytes are not UTF-8")
    if any(tally.seen[byte] for byte in _UNDEFINED_1252):
        return Encoding(
            "latin-1",
            doubt="neither UTF-8 nor Windows-1252: read as Latin-1, its accented letters may be wrong",
        )
    signs = int(np.count_nonzero(tally.seen[0x80:0xA0]))
    doubt = (
        "so many signs of Windows-1252 are unusual: it may be another encoding"
        if signs > _USUAL_SIGNS
        else ""
    )
    return Encoding("windows-1252" if signs else "latin-1", doubt=doubt)


class _Tally:
    """Characters beyond ASCII: how many are good UTF-8, how many bytes are not, and which bytes occur."""

    def __init__(self) -> None:
        self.good = self.broken = 0
        self.seen = np.zeros(256, dtype=bool)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, chunk: bytes, final: bool = False) -> None:
        if chunk.isascii() and not final and not self._decoder.getstate()[0]:
            return
        text = self._decoder.decode(chunk, final)
        utf8 = np.frombuffer(chunk, dtype=np.uint8)
        self.seen[np.unique(utf8[utf8 >= 0x80])] = True
        # A file may hold U+FFFD itself: somebody before us replaced what they could not read.
        broken = max(0, text.count("\ufffd") - chunk.count(b"\xef\xbf\xbd"))
        beyond = len(text) - int(np.count_nonzero(utf8 < 0x80))
        self.broken += broken
        self.good += max(0, beyond - broken)
