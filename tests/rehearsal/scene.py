"""What the steps share: the shell, the local cloud's parts, clients of its services, values of the page's placeholders."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

from deployments import names
from local import resource_kinds, resources
from local.environment import MISLEADING, environment
from local.settings import LOOPBACK, REPOSITORY, LocalSettings
from local.snowflake_login import CONNECTION
from local.sql import query
from local.supervisor import Supervisor
from tests.rehearsal.page import filled
from tests.rehearsal.shell import Shell

# Seconds, of one command. Most take a few; a busy machine takes minutes.
PATIENCE = 900
ROOT = REPOSITORY
ENVIRONMENT = "prod"  # the names and sizes of which the local cloud has
UNIQUE = f"-{resource_kinds.ACCOUNT_ID}-{resource_kinds.REGION}"
LOGIN = {"api_key": "of-the-rehearsal"}  # the local Prefect server asks for none


@dataclass
class Scene:
    settings: LocalSettings
    shell: Shell
    supervisor: Supervisor
    values: dict[str, str]
    """Of the page's placeholders."""
    noted: dict[str, Any] = field(default_factory=dict)
    """What a step leaves for later ones."""

    @property
    def scratch(self) -> Path:
        return scratch(self.settings)

    def run(self, command: str) -> str:
        """A command of the page, or in its words, with values for its placeholders. Returns what it wrote."""
        return self.shell.run(filled(command, self.values), PATIENCE)

    def try_to_run(self, command: str) -> tuple[int, str]:
        """Of one that may fail: also its exit code."""
        return self.shell.try_to_run(filled(command, self.values), PATIENCE)

    def aws(self, service: str) -> Any:
        return boto3.client(service)  # type: ignore[call-overload]

    def secret(self, name: str) -> Any:
        return json.loads(self.aws("secretsmanager").get_secret_value(SecretId=name)["SecretString"])

    def put_secret(self, name: str, value: Mapping[str, object]) -> None:
        self.aws("secretsmanager").put_secret_value(SecretId=name, SecretString=json.dumps(value))

    def one(self, statement: str) -> Any:
        ((value,),) = query(statement, self.settings).rows
        return value


def scratch(settings: LocalSettings) -> Path:
    return settings.state / "rehearsal"


def opened(settings: LocalSettings) -> Scene:
    """Nothing runs yet but the shell."""
    folder = scratch(settings)
    key = folder / "prefect-key"
    key.write_text(LOGIN["api_key"])
    shell = Shell(ROOT, _of_a_person(settings), folder)
    return Scene(settings, shell, Supervisor(settings), _values(settings, key))


def make_empty(settings: LocalSettings) -> None:
    """As after the first `up`, but for the cache."""
    parts = (settings.aws_state, settings.snowflake_state, settings.prefect_state)
    for directory in (*parts, settings.run, settings.logs, scratch(settings)):
        shutil.rmtree(directory, ignore_errors=True)
    for directory in (*parts, scratch(settings)):
        directory.mkdir(parents=True)


def enter(settings: LocalSettings) -> None:
    """Clients in this process use the local cloud, whatever the shell of whoever started it says."""
    for name in MISLEADING:
        os.environ.pop(name, None)
    os.environ.update(environment(settings))


def _of_a_person(settings: LocalSettings) -> dict[str, str]:
    """The environment of an administrator's session: login and address of the account, and nothing that this page sets."""
    known = environment(settings)
    # The CDK command line takes localhost for a host without buckets as subdomains, but not 127.0.0.1.
    address = f"http://localhost:{settings.aws_port}"
    editor = scratch(settings) / "editor"
    editor.write_text(
        f"""#!/bin/sh\necho '{json.dumps({"api_url": settings.prefect_api_url, **LOGIN})}' > "$1"\n"""
    )
    editor.chmod(0o755)
    temporary = scratch(settings) / "tmp"
    temporary.mkdir(exist_ok=True)
    return {
        **{name: os.environ[name] for name in ("HOME", "LANG", "LC_ALL") if name in os.environ},
        **{
            name: known[name]
            for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "NO_PROXY", "no_proxy")
        },
        **{
            name: known[name] for name in ("PREFECT_HOME", "PREFECT_SERVER_ANALYTICS_ENABLED", "DO_NOT_TRACK")
        },
        "AWS_ENDPOINT_URL": address,
        "AWS_ENDPOINT_URL_S3": address,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
        "SNOWFLAKE_HOME": known["SNOWFLAKE_HOME"],
        # What deployments/local.env leaves open, for `make deploy ENV=local`.
        "HIGHWATER_WORK_POOL": resources.ECS_WORK_POOL.name,
        "HIGHWATER_CODE": str(ROOT),
        "PATH": os.environ["PATH"],
        "EDITOR": str(editor),
        "TMPDIR": str(temporary),
    }


def _values(settings: LocalSettings, key: Path) -> dict[str, str]:
    login, source = resources.SNOWFLAKE_SECRET, resources.SHOP_SECRET
    return {
        "environment": ENVIRONMENT,
        "database": names.DATABASE,
        "region": resource_kinds.REGION,
        "account": resource_kinds.ACCOUNT_ID,
        "owner": "data-platform",
        "cost centre": "highwater-production",
        "address for alerts": "alerts@example.com",
        "organisation-account": login.account,
        "user": source.user,
        "role": source.role,
        "warehouse": source.warehouse,
        "connection": CONNECTION,
        "network": f"{LOOPBACK}/32",
        ".../api": settings.prefect_api_url,
        "file of your key": str(key),
    }


def version_of(checkout: Path) -> str:
    """As `make deploy` asks for it."""
    asked = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    return subprocess.run(asked, cwd=checkout, capture_output=True, text=True, check=True).stdout.strip()
