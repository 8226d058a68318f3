"""What the account's objects need to know from outside: outputs of the stacks, public keys, networks, people to notify."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from warehouse.names import is_identifier

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@-]+")
_USER = re.compile(r"[A-Za-z0-9_.@+-]+")
_KEY = re.compile(r"-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+?)\s+-----END PUBLIC KEY-----\s*")


@dataclass(frozen=True)
class Given:
    lake_bucket: str
    role_arn: str
    addresses: tuple[str, ...]
    """Networks from which flows reach Snowflake."""
    migrate_from: tuple[str, ...] = ()
    """Networks from which people and pipelines migrate, besides the flows' own."""
    worker_key: str | None = None
    deploy_key: str | None = None
    notify: tuple[str, ...] = ()
    """Snowflake users to whom the resource monitor writes, besides administrators."""


def given(
    outputs: Path,
    migrate_from: Sequence[str] = (),
    worker_key: Path | None = None,
    deploy_key: Path | None = None,
    notify: Sequence[str] = (),
) -> Given:
    """Read and check it all. `outputs` is the file of `cdk deploy --all --outputs-file`."""
    written: Mapping[str, Any] = json.loads(outputs.read_text())
    return Given(
        lake_bucket=_matching(_BUCKET, *_output(written, "highwater-lake", "LakeBucket")),
        role_arn=_matching(_ROLE, *_output(written, "highwater-access", "SnowflakeRoleArn")),
        addresses=networks(_output(written, "highwater-network", "SnowflakeClients")[1].split(",")),
        migrate_from=networks(migrate_from),
        worker_key=public_key(worker_key) if worker_key else None,
        deploy_key=public_key(deploy_key) if deploy_key else None,
        notify=tuple(dict.fromkeys(map(_user, notify))),
    )


def _user(name: str) -> str:
    """As Snowflake keeps it: in capitals what is a plain identifier, anything else (an address) as it is written."""
    if not _USER.fullmatch(name):
        raise ValueError(f"--notify: {name!r} has characters other than letters, digits and _.@+-")
    return name.upper() if is_identifier(name) else name


def networks(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(str(IPv4Network(text.strip())) for text in texts)


def public_key(file: Path) -> str:
    """The key as RSA_PUBLIC_KEY takes it: one line, without the frame."""
    found = _KEY.fullmatch(file.read_text())
    if not found:
        raise ValueError(
            f"{file} is not a public key in PEM form: openssl rsa -in key.p8 -pubout -out key.pub"
        )
    return "".join(found[1].split())


def _output(written: Mapping[str, Any], stack: str, name: str) -> tuple[str, str]:
    try:
        return f"{name} of {stack}", str(written[stack][name])
    except (KeyError, TypeError):
        raise ValueError(f"no output {name} of {stack}: was it deployed with --outputs-file?") from None


def _matching(pattern: re.Pattern[str], name: str, value: str) -> str:
    if not pattern.fullmatch(value):
        raise ValueError(f"{name} is {value!r}, which has characters that no such name has")
    return value
