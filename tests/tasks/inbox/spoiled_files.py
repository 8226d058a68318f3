"""Encodings, archives and names of files."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from dataclasses import replace

from tests.tasks.inbox.sheets import Sheet

Defect = Callable[[Sheet], Sheet]
_ENCRYPTED = 0x1


def _encoded(encoding: str, bom: bool = False) -> Defect:
    return lambda file: file.styled(encoding=encoding, bom=bom)


def _western(encoding: str, role: str) -> Defect:
    """Roles or names in a single-byte encoding."""

    def change(file: Sheet) -> Sheet:
        column = "user_role" if file.kind == "sales" else "store_name"
        for at in range(1, len(file.records)):
            file = file.written(at, column, f"{role} {at}", f"{role} {at}")
        return file.styled(encoding=encoding, bom=False)

    return change


def _late(file: Sheet) -> Sheet:
    """The only letter beyond ASCII is in the last row."""
    file = _western("latin-1", "plain")(file)
    column = "user_role" if file.kind == "sales" else "store_name"
    return file.written(len(file.records) - 1, column, "Å", "Å")


def _packed(pack: Callable[[bytes], bytes], suffix: str = ".csv.gz", refusal: str = "") -> Defect:
    def change(file: Sheet) -> Sheet:
        return replace(file, packed=pack, suffix=suffix, refusal=refusal, unread=bool(refusal))

    return change


def _named(name: str, refusal: str = "") -> Defect:
    return lambda file: replace(
        file, name=name.replace("KIND", file.kind), refusal=refusal, unread=bool(refusal)
    )


def _two_members(body: bytes) -> bytes:
    half = len(body) // 2
    return gzip.compress(body[:half]) + gzip.compress(body[half:])


def _wrong_checksum(body: bytes) -> bytes:
    packed = bytearray(gzip.compress(body))
    packed[-8] ^= 0xFF
    return bytes(packed)


def zipped(*names: str) -> Callable[[bytes], bytes]:
    def pack(body: bytes) -> bytes:
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in names:
                archive.writestr(zipfile.ZipInfo(name, (2025, 1, 11, 0, 0, 0)), body)
        return target.getvalue()

    return pack


def _encrypted(body: bytes) -> bytes:
    """A zip whose entries say that they are encrypted."""
    packed = bytearray(zipped("sales.csv")(body))
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        packed[packed.index(mark) + flags] |= _ENCRYPTED
    return bytes(packed)


def _half(pack: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    def cut(body: bytes) -> bytes:
        whole = pack(body)
        return whole[: len(whole) // 2]

    return cut


def _empty(body: bytes = b"", packed: Callable[[bytes], bytes] = bytes) -> Defect:
    return lambda file: replace(
        file, records=(), packed=lambda _: packed(body), refusal="the file is empty", unread=True
    )


DEFECTS: dict[str, Defect] = {
    "UTF-8 with a BOM": _encoded("utf-8", bom=True),
    "UTF-16 LE with a BOM": _encoded("utf-16-le", bom=True),
    "UTF-16 BE with a BOM": _encoded("utf-16-be", bom=True),
    "UTF-16 LE without a BOM": _encoded("utf-16-le"),
    "UTF-16 BE without a BOM": _encoded("utf-16-be"),
    "Latin-1": _western("latin-1", "Verkäufer"),
    "Latin-1 in the last row alone": _late,
    "Windows-1252": _western("cp1252", "„Verkäufer“ – 5 €"),
    "UTF-16 cut within a letter": lambda file: replace(
        file.styled(encoding="utf-16-le", bom=True), packed=lambda body: body[:-1]
    ).refused("not valid utf-16-le"),
    "gzip": _packed(gzip.compress),
    "gzip named as plain": _packed(gzip.compress, ".csv"),
    "gzip of two members": _packed(_two_members),
    "gzip cut in half": _packed(_half(gzip.compress), refusal="the gzip is cut off"),
    "gzip with a wrong checksum": _packed(_wrong_checksum, refusal="the gzip is damaged"),
    "gzip within gzip": _packed(lambda body: gzip.compress(gzip.compress(body)), refusal="another gzip"),
    "plain named as gzip": _packed(bytes),
    "zip": _packed(zipped("export.csv"), ".zip"),
    "zip with a folder": _packed(zipped("out/", "out/export.csv"), ".zip"),
    "zip made on a Mac": _packed(zipped("export.csv", "__MACOSX/._export.csv"), ".zip"),
    "zip of two files": _packed(zipped("a.csv", "b.csv"), ".zip", "holds 2 files"),
    "zip with a path out of its folder": _packed(zipped("../../etc/passwd"), ".zip", "a path out of"),
    "zip that is encrypted": _packed(_encrypted, ".zip", "encrypted"),
    "zip cut in half": _packed(_half(zipped("a.csv")), ".zip", "the zip is cut off or damaged"),
    "a workbook": _packed(zipped("[Content_Types].xml", "xl/workbook.xml"), ".csv", "Excel"),
    "0 bytes": _empty(),
    "line ends alone": _empty(b"\r\n\r\n"),
    "a BOM alone": _empty(b"\xef\xbb\xbf"),
    "gzip of nothing": _empty(packed=gzip.compress),
    "a name with dots": _named("KIND.2025.01.11.txt.gz"),
    "a name with a time": _named("ACME_KIND_20250111_093000.csv"),
    "a name with a version": _named("north/KIND-2025-01-11_v2.CSV"),
    "a name with an impossible date": _named("KIND_20250230.csv", "there is no day 2025-02-30"),
    "a name with two dates": _named("KIND_20250111_20250112.csv", "several dates"),
    "a name without a date": _named("KIND.csv", "no date"),
    "a name without a kind": _named("export_20250111.csv", "no kind"),
    "a name with a kind within a word": _named("wholesales_restores_20250111.csv", "no kind"),
    "a name with two kinds": _named("sales_stores_20250111.csv", "several kinds"),
    "a name with its kind behind the date": _named("20250111_KIND.csv", "no kind"),
}
