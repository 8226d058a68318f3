"""One line per event, with the run's id: what a person greps for and a log store can parse.

Inside a flow or task the line goes through Prefect's logger, so that it is on the run's page; elsewhere through the
standard one.
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
