"""The agreed forms of partners' files, as deployments/feeds.yaml has them."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Annotated

import yaml  # type: ignore[import-untyped]
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tasks.delimited.planning import Pin
from tasks.errors import SystemFault
from tasks.settings import settings

_Sign = Annotated[str, Field(min_length=1, max_length=1)]


class Feed(BaseModel):
    model_config = ConfigDict(extra="forbid")

    pattern: str = Field(min_length=1)
    columns: tuple[str, ...] = Field(min_length=1)
    delimiter: str = Field(default=",", min_length=1)
    quote: _Sign | None = '"'
    escape: _Sign | None = '"'
    header: bool = True
    encoding: str | None = None

    @property
    def pin(self) -> Pin:
        return Pin(self.columns, self.delimiter, self.quote, self.escape, self.header, self.encoding)


class _Feeds(BaseModel):
    model_config = ConfigDict(extra="forbid")

    feeds: list[Feed] = []


def pin_of(key: str) -> Pin | None:
    """The agreed form of a file, None where there is none."""
    names = (key, PurePosixPath(key).name)
    matching = (
        feed.pin
        for feed in _feeds(settings().feeds)
        if any(fnmatchcase(name, feed.pattern) for name in names)
    )
    return next(matching, None)


@cache
def _feeds(path: Path) -> list[Feed]:
    try:
        return _Feeds.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {}).feeds
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise SystemFault(
            f"{path} (HIGHWATER_FEEDS): {error}. Correct it, then run again. Nothing was read."
        ) from error
