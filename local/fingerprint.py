"""Detect whether sources have changed since something was built from them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

SUFFIXES = (".py", ".sql", ".yaml", ".json", ".env")


def fingerprint(root: Path, names: Iterable[str]) -> str:
    """A hash of names and contents of the source files among these files and folders."""
    digest = hashlib.sha256()
    for name in names:
        path = root / name
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.suffix in SUFFIXES and file.is_file():
                content = file.read_bytes()
                digest.update(f"{file.relative_to(root)} {len(content)} ".encode() + content)
    return digest.hexdigest()
