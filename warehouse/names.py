"""Validate names that become part of SQL text, where they cannot be bound as parameters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

FILES_PER_COPY = 1000  # Snowflake's limit of names in one FILES list

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
_STAGE_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_=./-]*\.parquet")
_URI = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]+)/(?P<key>.+)")


def is_identifier(name: str) -> bool:
    return _IDENTIFIER.fullmatch(name) is not None


def identifier(name: str) -> str:
    if not is_identifier(name):
        raise ValueError(f"{name!r} is not a plain Snowflake identifier (letters, digits, underscores)")
    return name


def stage_paths(files: Iterable[str]) -> list[str]:
    """The paths of lake files relative to the external stage CURATED.LAKE, which points at their bucket."""
    paths, buckets = [], set()
    for file in files:
        uri = _URI.fullmatch(file)
        if uri is None or not _STAGE_PATH.fullmatch(uri["key"]) or ".." in uri["key"]:
            raise ValueError(f"{file!r} is not the s3:// address of a Parquet file that COPY can be given")
        buckets.add(uri["bucket"])
        paths.append(uri["key"])
    if len(buckets) > 1:
        raise ValueError(
            f"files of one load are in several buckets ({', '.join(sorted(buckets))}): a stage has one"
        )
    return sorted(set(paths))


def chunks(paths: Sequence[str], size: int = FILES_PER_COPY) -> Iterator[list[str]]:
    remaining = iter(paths)
    while chunk := list(islice(remaining, size)):
        yield chunk
