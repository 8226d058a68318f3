"""PyPI's own pages, asked where OSV cannot be reached: they say what is known of a version.

A mirror may have the page of the newest version alone. Then nothing is known of an older pin, and it is named.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.request import urlopen

PYPI = "https://pypi.org"
_AT_ONCE = 16


@dataclass(frozen=True, order=True)
class Pin:
    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True)
class Page:
    pin: Pin
    vulnerabilities: list[dict[str, Any]] | None
    """None where no page tells of this version."""


def pins(lock: Path) -> list[Pin]:
    packages = tomllib.loads(lock.read_text())["package"]
    return sorted({Pin(p["name"], p["version"]) for p in packages if "registry" in p["source"]})


def pages(of: Iterable[Pin], index: str) -> Iterator[Page]:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield from pool.map(lambda pin: Page(pin, _vulnerabilities(pin, index)), of)


def _vulnerabilities(pin: Pin, index: str) -> list[dict[str, Any]] | None:
    for path in (f"{pin.name}/{pin.version}", pin.name):
        page = _read(f"{index}/pypi/{path}/json")
        if page is not None and (page.get("info") or {}).get("version") == pin.version:
            known: list[dict[str, Any]] | None = page.get("vulnerabilities")
            return known if known is None else [each for each in known if not each.get("withdrawn")]
    return None


def _read(address: str) -> dict[str, Any] | None:
    try:
        with urlopen(address, timeout=30) as answer:  # noqa: S310 (the index is ours to name)
            page = json.load(answer)
    except (OSError, HTTPException, ValueError):  # no such page, or nobody there
        return None
    return page if isinstance(page, dict) else None
