"""The commands of the pages that make keys and secrets, run as they stand in a checkout, with an aws that keeps what it
is given: nothing of it stays in the checkout."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from deployments import names
from local import resources
from tests.docs.blocks import PLACEHOLDER, commands_of

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
# Of earlier versions of the pages, which somebody may still have before them.
ONCE_WRITTEN = {"key.p8", "new.pem", "secret.json", "prefect.json", "outputs.json"}
GIVEN = {"database": names.DATABASE}
STUBS = {
    "aws": """
while [ $# -gt 0 ]; do case $1 in --secret-id) id=$2 ;; --secret-string) file=${2#file://} ;; esac; shift; done
mkdir -p "$GIVEN/$(dirname "$id")" && cp "$file" "$GIVEN/$id" && stat -c %a "$(dirname "$file")" > "$GIVEN/mode" """,
    "editor": """echo '{"api_url": "https://example.com/api", "api_key": "k"}' > "$1" """,
    "cdk": "",
    "snowflake": """for file in "$@"; do case $file in *.pub) grep -q "BEGIN PUBLIC KEY" "$file" ;; esac; done """,
}


def _commands(page: str, begin: str, end: str) -> str:
    """Those of the page's blocks from the one that begins so to the one that ends so."""
    found = [command.text for command in commands_of(DOCS / page) if command.in_block]
    first = next(number for number, text in enumerate(found) if text.startswith(begin))
    last = next(number for number, text in enumerate(found) if number >= first and text.startswith(end))
    return "\n".join(
        PLACEHOLDER.sub(lambda each: GIVEN.get(each[1], "x"), text) for text in found[first : last + 1]
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    home = tmp_path / "checkout"
    for name, body in STUBS.items():
        place = home / ".venv/bin/python" if name == "snowflake" else tmp_path / "bin" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"#!/bin/bash\n{body}\n")
        place.chmod(0o755)
    (tmp_path / "tmp").mkdir()
    for arguments in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", *arguments], cwd=home, check=True)
    return home


def _run(checkout: Path, script: str) -> None:
    base = checkout.parent
    environment = {
        "PATH": f"{base / 'bin'}:{os.environ['PATH']}",
        "TMPDIR": str(base / "tmp"),
        "GIVEN": str(base / "given"),
        "EDITOR": "editor",
        "ENVIRONMENT": "prod",
    }
    subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=checkout, env=environment, check=True)


def _left_in(checkout: Path) -> str:
    command = ["git", "ls-files", "--others"]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True).stdout


def test_a_first_deployment_leaves_no_secret_behind(checkout: Path) -> None:
    made = _commands("deploy.md", "private=", "private=")
    others = _commands("deploy.md", "export HIGHWATER_DATABASE=", "rm -r")
    # The login of the source is somebody else's: it is there already.
    _run(checkout, "\n".join([made, 'openssl genrsa 2048 > "$private/source.p8"', others]))
    assert _left_in(checkout) == ""
    assert list((checkout.parent / "tmp").iterdir()) == []
    given = checkout.parent / "given"
    assert (given / "mode").read_text().strip() == "700"
    assert json.loads((given / "highwater/prefect").read_text())["api_key"] == "k"
    assert re.fullmatch(r"[0-9a-f]{64}\n", (given / "highwater/hash-key").read_text())
    logins = {
        name: json.loads((given / name).read_text())
        for name in ("highwater/snowflake", "highwater/snowflake-deployer", "highwater/source/shop")
    }
    assert ["PRIVATE KEY" in login["private_key"] for login in logins.values()] == [True, True, True]
    ours = ("user", "role", "warehouse")
    for name, declared in (
        ("highwater/snowflake", resources.SNOWFLAKE_SECRET),
        ("highwater/snowflake-deployer", resources.DEPLOYER_SECRET),
    ):
        assert [logins[name][field] for field in ours] == [getattr(declared, field) for field in ours]


def test_a_new_key_pair_is_not_in_the_checkout(checkout: Path) -> None:
    made = _commands("operate.md", "export KEY=", "openssl rsa")
    _run(checkout, f"{made}\ntest -s $KEY")
    assert _left_in(checkout) == ""


def _written() -> set[str]:
    """What the pages' blocks name in the folder of secrets, or in another that they make for a file."""
    blocks = [c.text for page in ("deploy.md", "operate.md") for c in commands_of(DOCS / page) if c.in_block]
    found = set(re.findall(r"""(?:\$private"?|\$\(mktemp -d\))/([\w$.-]+\.\w+)""", "\n".join(blocks)))
    return {name.replace("$user", user) for name in found for user in ("worker", "deploy")}


def test_git_would_not_take_what_somebody_writes_into_the_checkout_all_the_same() -> None:
    names_of_files = _written()
    assert {"worker.p8", "deploy.pub", "source.json", "hash-key.txt", "new.pem"} <= names_of_files
    asked = sorted(names_of_files | ONCE_WRITTEN)
    command = ["git", "check-ignore", "--no-index", *asked]
    ignored = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    assert ignored == asked
