"""Texts from Secrets Manager."""

from __future__ import annotations

from tasks.errors import aws_failures
from tasks.services import aws


def text(name: str, what: str) -> str:
    with aws_failures(f"reading {what} from secret {name}"):
        return aws.secrets().get_secret_value(SecretId=name)["SecretString"]
