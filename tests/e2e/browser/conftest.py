"""The browser: the one that `make browser` fetched, or the machine's own. Without one the run's summary says so."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

FETCHED = Path(sys.prefix) / "chromium" / "chromium"
QUIET = ("background-networking", "component-update", "sync", "quic")
IN_SOFTWARE = (
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
)


def found() -> str | None:
    own = [shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")]
    candidates = [os.environ.get("HIGHWATER_CHROMIUM"), str(FETCHED) if FETCHED.exists() else None, *own]
    return next((path for path in candidates if path), None)


def environment(executable: str) -> dict[str, str]:
    """The fetched one brings the libraries that a bare machine lacks."""
    linked = subprocess.run(["ldd", executable], capture_output=True, text=True).stdout
    libraries = FETCHED.parent / "libraries" / "lib"
    extra = {"LD_LIBRARY_PATH": str(libraries)} if "not found" in linked and libraries.exists() else {}
    return {**os.environ, **extra}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = found()
    assert executable
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=executable,
            env=environment(executable),  # type: ignore[arg-type]
            args=["--no-sandbox", "--no-first-run", *IN_SOFTWARE, *(f"--disable-{name}" for name in QUIET)],
        )
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1440, "height": 900}, timezone_id="Asia/Kolkata")
    opened.set_default_timeout(90_000)
    expect.set_options(timeout=90_000)
    yield opened
    opened.close()
