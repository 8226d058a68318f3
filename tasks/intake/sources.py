"""The sources that a run of the CPG pipelines can be asked for, and the datasets that each of them delivers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field

from contracts import cpg

Source = Literal["sales", "inventory", "market", "promotions", "masters"]
ALL_SOURCES: tuple[Source, ...] = get_args(Source)


def _refuse_none(sources: Any) -> Any:
    if sources == []:
        raise ValueError(f"a run of no source would do nothing: name some of {', '.join(ALL_SOURCES)}")
    return sources


Sources = Annotated[list[Source], Field(min_length=1), BeforeValidator(_refuse_none)]


def datasets_of(sources: Iterable[Source]) -> list[str]:
    wanted = set(sources)
    return [d.table for d in cpg.DELIVERED if d.delivery and d.delivery.source in wanted]
