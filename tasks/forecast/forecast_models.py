"""The registry of the demand forecast's models."""

from __future__ import annotations

from tasks.models.model_registry import Registry
from tasks.settings import settings


def registry() -> Registry:
    return Registry(settings().model_group, "Weekly demand per SKU and region")
