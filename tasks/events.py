"""Structured logging: one line per event with key=value fields, easy to grep and to parse.

Inside a flow or task, lines go through Prefect's logger and so appear on the run's page; elsewhere, through the standard
logger.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from prefect.exceptions import MissingContextError
from prefect.logging import get_run_logger


def _value(value: Any) -> str:
    text = str(value)
    plain = text and not any(c.isspace() or c in '"=' for c in text)
    return text if plain else json.dumps(text, ensure_ascii=False)


def line(event: str, fields: dict[str, Any]) -> str:
    return " ".join(
        [event, *(f"{name}={_value(value)}" for name, value in fields.items() if value is not None)]
    )


def log(event: str, *, level: int = logging.INFO, **fields: Any) -> None:
    try:
        logger: Any = get_run_logger()
    except MissingContextError:
        logger = logging.getLogger("highwater")
    logger.log(level, line(event, fields))
