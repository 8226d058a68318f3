"""Create what resources.py declares in a started cloud. Every step can be repeated."""

from __future__ import annotations

import json
import sys
import threading
import urllib.error

from deployments.fingerprint import fingerprint
from local import resource_kinds, resources
from local.aws_resources import create_aws_resources
from local.part import post
from local.progress import Report
from local.settings import LOOPBACK, REPOSITORY, LocalSettings
from local.snowflake_login import key_pair
from local.snowflake_resources import create_shop
from local.supervisor import Supervisor

BOOTSTRAP_SOURCES = (
    "contracts",
    "deployments",
    "flows",
    "jobs",
    "local",
    "tasks",
    "warehouse",
    "prefect.yaml",
)
_CONFLICT = 409


class Bootstrap:
    def __init__(self, settings: LocalSettings, supervisor: Supervisor, report: Report) -> None:
        self._settings = settings
        self._supervisor = supervisor
        self._report = report
        self._sources = fingerprint(REPOSITORY, BOOTSTRAP_SOURCES)

    def create_aws_resources(self, _: threading.Event) -> None:
        secrets = {declared.name: self._login(declared) for declared in resources.SNOWFLAKE_SECRETS}
        create_aws_resources(self._settings, secrets)
        self._report("buckets, ledger, alerts, Glue job and catalog, secrets are there")

    def create_warehouse(self, cancelled: threading.Event) -> None:
        if self._is_needed("migrate"):
            self._supervisor.run("migrate", (sys.executable, "-m", "local.snowflake_warehouse"), cancelled)
            self._done("migrate")
        self._report(f"warehouse {resources.WAREHOUSE.name} is migrated")

    def create_shop(self, _: threading.Event) -> None:
        if self._is_needed("shop"):
            create_shop(self._settings)
            self._done("shop")

    def create_work_pool(self, _: threading.Event) -> None:
        pool = {"name": resources.WORK_POOL.name, "type": resources.WORK_POOL.type}
        try:
            post(f"{self._settings.prefect_api_url}/work_pools/", pool)
        except urllib.error.HTTPError as response:
            if response.code != _CONFLICT:
                raise

    def register_deployments(self, cancelled: threading.Event) -> None:
        if self._is_needed("register"):
            self._supervisor.run("register", (sys.executable, "-m", "local.registration"), cancelled)
            self._done("register")
        self._report("result storage and deployments are registered")

    def _is_needed(self, step: str) -> bool:
        """Whether the sources have changed since the last time. A repeated `up` skips these seconds."""
        done = self._settings.run / f"{step}.done"
        return not done.exists() or done.read_text() != self._sources

    def _done(self, step: str) -> None:
        (self._settings.run / f"{step}.done").write_text(self._sources)

    def _login(self, declared: resource_kinds.SnowflakeSecret) -> str:
        """The login for clients, in the format of production's secret."""
        return json.dumps(
            {
                "account": declared.account,
                "user": declared.user,
                "role": declared.role,
                "warehouse": declared.warehouse,
                "database": declared.database,
                "private_key": key_pair(self._settings.snowflake_state),
                "host": LOOPBACK,
                "port": self._settings.snowflake_port,
                "protocol": "http",
                # The local server sends nothing before the answer; Snowflake sends a status after 45 s.
                "socket_timeout": 900,
            }
        )
