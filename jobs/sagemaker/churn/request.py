"""What an endpoint is asked, and how it says what is wrong with it."""

from __future__ import annotations

import json
import math
import sys
from http import HTTPStatus
from typing import Any

import numpy as np
import pandas as pd

try:  # Only the container has it, and only its subclasses keep their status: any other exception is answered with 500.
    from sagemaker_inference.errors import BaseInferenceToolkitError
except ImportError:
    BaseInferenceToolkitError = Exception

KEYS = ("customer_key", "customer_id", "as_of")
_MOST = 1_000
_GREATEST = int(sys.float_info.max)


class BadRequest(BaseInferenceToolkitError):  # type: ignore[misc]
    """The caller's fault, with the HTTP status to answer with."""

    def __init__(self, message: str, status: int = HTTPStatus.BAD_REQUEST) -> None:
        if BaseInferenceToolkitError is Exception:
            super().__init__(message)
        else:
            super().__init__(int(status), message, message)
        self.status_code, self.message, self.phrase = int(status), message, message

    def __str__(self) -> str:
        return self.message


def instances(body: bytes | str) -> pd.DataFrame:
    """The instances of a JSON request as a table. NaN and Infinity, which are no JSON, are refused by column later."""
    try:
        told = json.loads(body)
    except ValueError as error:
        raise BadRequest(f"the body is no JSON: {error}") from error
    found = told.get("instances") if isinstance(told, dict) else None
    if not isinstance(found, list) or not found or not all(isinstance(one, dict) for one in found):
        raise BadRequest('send {"instances": [{feature: value, ...}, ...]} with at least one instance')
    if len(found) > _MOST:
        raise BadRequest(f"{len(found)} instances in one request; at most {_MOST}: use a batch transform")
    for number, one in enumerate(found):
        for name, value in one.items():
            if isinstance(value, float) and not math.isfinite(value):
                raise BadRequest(f"column {name!r} of instance {number} is {value}; send a number or null")
    names = dict.fromkeys(name for one in found for name in one)
    for number, one in enumerate(found):
        if missing := [name for name in names if name not in one]:
            raise BadRequest(f"column {missing[0]!r} is missing in instance {number}")
    return pd.DataFrame({name: pd.Series([one[name] for one in found], dtype=object) for name in names})


def checked(rows: pd.DataFrame, columns: list[str], nullable: list[str]) -> pd.DataFrame:
    """The model's columns as numbers. Refused: a missing column, text for a number, null where there must be a number."""
    for name in columns:
        if name not in rows:
            raise BadRequest(f"column {name!r} is missing")
    return pd.DataFrame({name: _numbers(name, rows[name], name in nullable) for name in columns})


def _numbers(name: str, values: pd.Series[Any], may_be_null: bool) -> np.ndarray:
    if values.dtype == object:
        for number, value in enumerate(values):
            if not (value is None or _is_number(value)):
                raise BadRequest(f"column {name!r} of instance {number} is {value!r}, not a number")
            if isinstance(value, int) and abs(value) > _GREATEST:
                digits = len(str(abs(value)))
                raise BadRequest(
                    f"column {name!r} of instance {number} is a number of {digits} digits, too great"
                )
    try:
        found = np.asarray(values.to_numpy(dtype=float, na_value=np.nan))
    except (TypeError, ValueError, OverflowError) as error:
        raise BadRequest(f"column {name!r} holds no numbers: {error}") from error
    wrong = np.isinf(found) if may_be_null else ~np.isfinite(found)
    if wrong.any():
        number = int(wrong.argmax())
        raise BadRequest(f"column {name!r} of instance {number} is {found[number]}; a number is needed")
    return found


def _is_number(value: object) -> bool:
    """Booleans too, which a feature may be; a decimal has what a float needs."""
    return isinstance(value, bool | int | float) or hasattr(value, "__float__")
