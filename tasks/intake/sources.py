"""The sources that a CPG run can process, and the datasets that each delivers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field

from contracts import cpg

Source = Literal["sales", "inventory", "market", "promotions", "masters"]
ALL_SOURCES: tuple[Source, ...] = get_args(Source)


def _reject_empty(sources: Any) -> Any:
    if sources == []:
        raise ValueError(f"choose at least one source: {', '.join(ALL_SOURCES)}")
    return sources


Sources = Annotated[list[Source], Field(min_length=1), BeforeValidator(_reject_empty)]


def datasets_of(sources: Iterable[Source]) -> list[str]:
    wanted = set(sources)
    return [d.table for d in cpg.DELIVERED if d.delivery and d.delivery.source in wanted]
