"""The kinds of resources that the local cloud has, and the account that they are in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

REGION: Final = "ap-south-1"
ACCOUNT_ID = "123456789012"


@dataclass(frozen=True)
class Bucket:
    name: str
    versioned: bool = False
    events: bool = False
    """Whether EventBridge hears of its objects."""


@dataclass(frozen=True)
class Table:
    name: str
    hash_key: str
    indexes: tuple[str, ...] = ()
    """Global secondary indexes: each is named after the attribute that is its key, and holds keys only."""
    expires_by: str | None = None
    """The attribute of the time to live."""


@dataclass(frozen=True)
class Topic:
    name: str

    @property
    def arn(self) -> str:
        return f"arn:aws:sns:{REGION}:{ACCOUNT_ID}:{self.name}"


@dataclass(frozen=True)
class Queue:
    name: str
    topic: Topic | None = None
    """The topic that it subscribes to."""
    dead_letters: Queue | None = None
    """Takes what was received `tries` times and never deleted."""
    tries: int = 0

    @property
    def arn(self) -> str:
        return f"arn:aws:sqs:{REGION}:{ACCOUNT_ID}:{self.name}"


@dataclass(frozen=True)
class EventRule:
    """An EventBridge rule: the events that match the pattern go to the queue."""

    rule: str
    queue: str
    pattern: Mapping[str, Any]


@dataclass(frozen=True)
class GlueDatabase:
    name: str
    location: str


@dataclass(frozen=True)
class GlueJob:
    name: str
    script: str
    extra_py_files: str
    glue_version: str
    worker_type: Literal["G.1X", "G.2X", "G.4X"]
    workers: int
    timeout_minutes: int
    max_concurrent_runs: int

    @property
    def role(self) -> str:
        return f"arn:aws:iam::{ACCOUNT_ID}:role/{self.name}"


@dataclass(frozen=True)
class ModelPackageGroup:
    name: str
    description: str


@dataclass(frozen=True)
class FeatureGroup:
    name: str
    identifier: str
    event_time: str
    features: Mapping[str, str]
    """Each feature's type."""
    location: str
    description: str


@dataclass(frozen=True)
class SnowflakeSecret:
    name: str
    account: str
    user: str
    role: str
    warehouse: str
    database: str


@dataclass(frozen=True)
class PrefectSecret:
    """The login in the task definition of flow runs. The local Prefect server does not ask for it."""

    name: str
    auth_string: str


@dataclass(frozen=True)
class TextSecret:
    name: str
    text: str


@dataclass(frozen=True)
class Stage:
    name: str
    url: str


@dataclass(frozen=True)
class SnowflakeDatabase:
    name: str
    schemas: tuple[str, ...]
    stages: tuple[Stage, ...]


@dataclass(frozen=True)
class WorkPool:
    name: str
    type: str


@dataclass(frozen=True)
class FlowRunTask:
    """The task definition of flow runs. The stacks own the real one; the worker never registers another."""

    family: str
    container: str
    image: str
    cpu: str
    memory: str
    log_group: str


@dataclass(frozen=True)
class ResultStorage:
    """A Prefect S3Bucket block, so that results outlive the machine that computed them."""

    name: str
    bucket: Bucket

    @property
    def block(self) -> str:
        return f"s3-bucket/{self.name}"
