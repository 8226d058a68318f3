"""Four partners and their habits: how each names, writes and packs its files, and how often it sends them."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

SALES = ("store_token", "transaction_id", "receipt_token", "transaction_time", "amount", "user_role")
STORES = ("store_group", "store_token", "store_name")
_INDIA = timezone(timedelta(hours=5, minutes=30))
_PACKED_AT = (2025, 1, 1, 0, 0, 0)


def _as_is(text: str) -> str:
    return text


def _titled(name: str) -> str:
    return name.replace("_", " ").title()


def _zoned(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _indian(at: datetime) -> str:
    return at.astimezone(_INDIA).isoformat()


def _plain(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S")


def _fractional(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _gzipped(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)


def _zipped(body: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("export.csv", _PACKED_AT), body)
    return target.getvalue()


@dataclass(frozen=True)
class Partner:
    """`every`: the days that a file of sales covers. `names`: of a kind's files, by strftime. `till`: an extra column."""

    group: str
    every: int
    names: dict[str, str]
    delimiter: str = ","
    newline: str = "\n"
    encoding: str = "utf-8"
    columns: tuple[str, ...] = SALES
    header: Callable[[str], str] | None = _as_is
    time: Callable[[datetime], str] = _zoned
    preamble: tuple[str, ...] = ()
    till: bool = False
    packed: Callable[[bytes], bytes] = bytes


PARTNERS = (
    Partner("North", 1, {"sales": "sales_%Y%m%d.csv", "stores": "stores_%Y%m%d.csv"}),
    Partner(
        "South",
        2,
        {"sales": "sued/Sales-%Y-%m-%d_v2.CSV", "stores": "sued/Stores-%Y-%m-%d.CSV"},
        delimiter=";",
        newline="\r\n",
        encoding="cp1252",
        columns=("transaction_time", "store_token", "receipt_token", "transaction_id", "user_role", "amount"),
        header=_titled,
        time=_indian,
        preamble=("Südmarkt – Bericht", "erstellt von ERP 7"),
    ),
    Partner(
        "East",
        3,
        {"sales": "SALE.%Y.%m.%d.txt.gz", "stores": "STORE.%Y.%m.%d.txt.gz"},
        delimiter="\t",
        encoding="utf-16",
        header=str.upper,
        time=_plain,
        till=True,
        packed=_gzipped,
    ),
    Partner(
        "West",
        7,
        {"sales": "west/weekly sales %Y-%m-%d 0930.zip", "stores": "west/stores %Y-%m-%d.zip"},
        delimiter="|",
        encoding="utf-8-sig",
        header=None,
        time=_fractional,
        packed=_zipped,
    ),
)
