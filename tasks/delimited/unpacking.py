"""The plain bytes of a file that may be packed: gzip, or a zip that holds one file.

A packed file is unpacked to a scratch file first: it is read twice (encoding, then records), and a file that was cut off
must be refused before its first row is used.
"""

from __future__ import annotations

import gzip
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import NamedTemporaryFile
from typing import IO, Protocol

from tasks.errors import DataError, SystemFault

_GZIP = b"\x1f\x8b"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
# Formats that are not delimited text, by their first bytes. The refusal names the format.
_FOREIGN = {
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ\x00": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"PAR1": "a Parquet file",
    b"%PDF-": "a PDF",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an old Excel or Word document",
    b"Obj\x01": "an Avro file",
    b"ORC": "an ORC file",
}
_COPY_BYTES = 1 << 20
_SEND = "Send it as plain text, as gzip, or as a zip that holds this one file."


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True)
class Limits:
    """How much a packed file may unfold to. A bomb unfolds to a thousand times its size; honest text to 5 to 50 times."""

    unpacked_bytes: int = 16 << 30
    ratio: int = 250
    # Below this, no ratio is suspicious: a small file of one repeated line packs very well.
    always_allowed_bytes: int = 64 << 20


@contextmanager
def unpacked(
    path: Path, limits: Limits | None = None, scratch: Path | None = None
) -> Iterator[tuple[Path, str]]:
    """A path with the plain content, and how it was packed ("", "gzip" or "zip"). The scratch file goes away afterwards."""
    packing = packing_of(path)
    if not packing:
        yield path, packing
        return
    with NamedTemporaryFile(dir=scratch, prefix="unpacked-") as target:
        opened = _gzip_member(path) if packing == "gzip" else _zip_member(path)
        with opened as source:
            _copy(source, target, path, limits or Limits())
        target.flush()
        plain = Path(target.name)
        if inner := packing_of(plain):
            raise DataError(f"{path.name}: inside the {packing} is another {inner}. {_SEND}")
        yield plain, packing


def packing_of(path: Path) -> str:
    """How a file is packed, by its first bytes, not its name. Raises DataError for what is no text at all."""
    with path.open("rb") as file:
        start = file.read(16)
    if start.startswith(_GZIP):
        return "gzip"
    if start.startswith(_ZIP):
        return "zip"
    for magic, what in _FOREIGN.items():
        if start.startswith(magic) and not _is_text_after_all(magic, start):
            raise DataError(f"{path.name}: this is {what}, not delimited text. {_SEND}")
    return ""


def _is_text_after_all(magic: bytes, start: bytes) -> bool:
    """A text may begin with the letters ORC, PAR1 or BZh. A binary file of these kinds has bytes that no text has."""
    return magic.isalnum() and all(byte >= 32 or byte in b"\t\r\n" for byte in start)


@contextmanager
def _gzip_member(path: Path) -> Iterator[_Readable]:
    try:
        # gzip reads concatenated members as one content, as gunzip does, and checks length and CRC of each.
        with gzip.open(path, "rb") as source:
            yield source
    except EOFError as error:
        raise DataError(
            f"{path.name}: the gzip is cut off before its end. Upload the whole file again."
        ) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path.name}: the gzip is damaged ({error}). Upload the file again.") from error


@contextmanager
def _zip_member(path: Path) -> Iterator[_Readable]:
    try:
        with zipfile.ZipFile(path) as archive, archive.open(_only_member(path, archive)) as source:
            yield source
    except zipfile.BadZipFile as error:
        raise DataError(
            f"{path.name}: the zip is cut off or damaged ({error}). Upload the whole file again."
        ) from error
    except (EOFError, zlib.error) as error:
        raise DataError(
            f"{path.name}: the zip's content is damaged ({error}). Upload the file again."
        ) from error
    except NotImplementedError as error:
        raise DataError(
            f"{path.name}: the zip is packed with a method that cannot be read ({error}). {_SEND}"
        ) from error


def _only_member(path: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    names = archive.namelist()
    if "[Content_Types].xml" in names:
        raise DataError(
            f"{path.name}: this is an Excel or Word document. Export the sheet as CSV and send that."
        )
    # macOS adds a shadow of each file; it holds no data of the sender.
    files = [
        info for info in archive.infolist() if not info.is_dir() and not info.filename.startswith("__MACOSX/")
    ]
    if len(files) != 1:
        shown = ", ".join(info.filename for info in files[:5])
        raise DataError(
            f"{path.name}: the zip holds {len(files)} files ({shown or 'none'}), not one. {_SEND}"
        )
    (member,) = files
    inner = PurePosixPath(member.filename.replace("\\", "/"))
    if inner.is_absolute() or ".." in inner.parts or ":" in inner.parts[0]:
        raise DataError(
            f"{path.name}: the zip's file is called {member.filename!r}, a path out of its folder. {_SEND}"
        )
    if member.flag_bits & 0x1:
        raise DataError(f"{path.name}: the zip is encrypted. Send it without a password.")
    return member


def _copy(source: _Readable, target: IO[bytes], path: Path, limits: Limits) -> None:
    packed = path.stat().st_size
    suspicious = min(limits.unpacked_bytes, max(limits.always_allowed_bytes, packed * limits.ratio))
    written = 0
    folder = Path(str(target.name)).parent
    room = shutil.disk_usage(folder).free
    while chunk := source.read(_COPY_BYTES):
        written += len(chunk)
        if written > suspicious:
            raise DataError(
                f"{path.name}: {packed:,} bytes unfold to more than {suspicious:,}: this may be an archive made to fill "
                "disks. Split the file, or raise the limit for this feed."
            )
        if written > room:
            raise SystemFault(
                f"{path.name}: it unpacks to more than the {room:,} bytes that are free in {folder}. Free some space, "
                "or give the worker a larger disk. The file itself is not at fault."
            )
        target.write(chunk)
