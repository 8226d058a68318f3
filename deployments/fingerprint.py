"""A hash of source files: to see that what was built of them is up to date, and that two places have the same ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

SUFFIXES = (".py", ".sql", ".yaml", ".json", ".env")


def fingerprint(root: Path, names: Iterable[str], suffixes: Iterable[str] = SUFFIXES) -> str:
    """A hash of names and contents of the source files among these files and folders."""
    digest, wanted = hashlib.sha256(), set(suffixes)
    for name in names:
        path = root / name
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.suffix in wanted and file.is_file():
                content = file.read_bytes()
                digest.update(f"{file.relative_to(root)} {len(content)} ".encode() + content)
    return digest.hexdigest()
