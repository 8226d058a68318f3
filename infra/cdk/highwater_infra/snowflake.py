"""Snowflake's side with our outputs in it: `python -m highwater_infra.snowflake --outputs o.json --public-key key.pub`.

`o.json` is what `cdk deploy --all --outputs-file o.json` wrote; the SQL is for a person to read and to run.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from string import Template
from typing import Any, Final

from deployments import names
from highwater_infra.snapshot import HOME

SQL: Final = HOME / "snowflake"
_KEY = re.compile(r"-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+?)\s+-----END PUBLIC KEY-----\s*")
_SAFE = re.compile(r"[A-Za-z0-9+/=:._-]+")


def public_key(pem: str) -> str:
    """The key as RSA_PUBLIC_KEY takes it: one line, without the frame."""
    found = _KEY.fullmatch(pem)
    if not found:
        raise ValueError("not a public key in PEM form: openssl rsa -in key.p8 -pubout -out key.pub")
    return "".join(found[1].split())


def filled(outputs: dict[str, dict[str, str]], key: str) -> dict[str, str]:
    """Each script by its name. What would end a quoted text is refused: it would be no output of ours."""
    values = {
        "database": names.DATABASE,
        "lake_bucket": _output(outputs, "highwater-lake", "LakeBucket"),
        "snowflake_role_arn": _output(outputs, "highwater-access", "SnowflakeRoleArn"),
        "public_key": key,
    }
    for name, value in values.items():
        if not _SAFE.fullmatch(value):
            raise ValueError(f"{name} {value!r} has characters that no such name has")
    return {path.name: Template(path.read_text()).substitute(values) for path in sorted(SQL.glob("*.sql"))}


def _output(outputs: dict[str, Any], stack: str, name: str) -> str:
    try:
        return str(outputs[stack][name])
    except KeyError:
        raise ValueError(f"no output {name} of {stack}: was it deployed with --outputs-file?") from None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--outputs", type=Path, required=True)
    parser.add_argument("--public-key", type=Path, required=True)
    given = parser.parse_args()
    try:
        scripts = filled(json.loads(given.outputs.read_text()), public_key(given.public_key.read_text()))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"snowflake: {error}\n")
        return 2
    for name, text in scripts.items():
        sys.stdout.write(f"-- {name}\n{text}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
