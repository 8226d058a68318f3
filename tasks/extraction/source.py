"""What is extracted from a source and how: deployments/extraction/<pipeline>.yaml, checked before anything is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml  # type: ignore[import-untyped]
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from contracts.dialects import snowflake
from contracts.language.dataset import ContractError, Dataset
from contracts.shop import EXTRACTED
from tasks.errors import DataError
from tasks.extraction import query

CONTRACTS: Mapping[str, Mapping[str, Dataset]] = {"shop": EXTRACTED}
"""The contracts of each pipeline's entities."""
Name = Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$", max_length=100)]
SqlName = Annotated[
    str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*){0,2}$", max_length=300)
]


class Entity(BaseModel):
    """A table of the source, or a query that is as good as one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    mode: Literal["watermark", "unload", "changes"] = Field(
        default="watermark",
        description="how rows come: through the worker, by COPY INTO, or by change tracking",
    )
    query: str = Field(description="returns the rows whose watermark is in (:low, :high]; both are bound")
    without_watermark: str | None = Field(
        default=None, description="returns the rows whose watermark is null"
    )
    full: str | None = Field(
        default=None, description="returns all rows, for the reconciliation; it has no parameters"
    )
    key: tuple[Name, ...] = Field(min_length=1)
    watermark: Name
    overlap_seconds: float = Field(
        default=600, ge=0, description="how far before the watermark a window begins"
    )
    safety_lag_seconds: float = Field(
        default=30, ge=0, description="how far before the source's time it ends"
    )
    batch_rows: int = Field(default=500_000, ge=1, description="rows of one commit")
    batches_max: int | None = Field(
        default=None, ge=1, description="commits of one run; the next run goes on"
    )
    compression: Literal["zstd", "snappy"] = "zstd"
    output: Literal["parquet", "ndjson"] = Field(
        default="parquet", description="ndjson: what is added to bronze is also written as lines of JSON"
    )
    table: SqlName | None = Field(default=None, description="whose changes are tracked, for the mode changes")

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        query.require(self.query, {"low", "high"}, f"the query of {self.name}")
        if self.without_watermark is not None:
            query.require(self.without_watermark, set(), f"the query without watermark of {self.name}")
        if self.full is not None:
            query.require_none(self.full, f"the full query of {self.name}")
        return self

    @model_validator(mode="after")
    def _has_what_its_mode_needs(self) -> Self:
        if self.mode == "changes" and self.table is None:
            raise ValueError(f"{self.name} lacks `table`, whose changes the mode changes reads")
        if self.mode == "unload" and self.output == "ndjson":
            raise ValueError(f"{self.name}: the mode unload writes Parquet; NDJSON needs the mode watermark")
        return self

    @property
    def question(self) -> str:
        """Digest of what is asked of the source. The place where a scan stood means nothing for another question."""
        asked = [self.query, self.watermark, *self.key]
        if self.mode != "watermark":
            asked += [self.mode, self.table or ""]
        return query.digest("\n".join(asked))


class Source(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    pipeline: Name
    secret: str = Field(min_length=1, description="Secrets Manager name of the source's connection")
    stage: SqlName | None = Field(
        default=None, description="external stage at the source, of the lake's bucket, for the mode unload"
    )
    clock: str = Field(default="SELECT SYSDATE()", description="returns the source's own time, in UTC")
    entities: tuple[Entity, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        known = CONTRACTS.get(self.pipeline)
        if known is None:
            raise ValueError(
                f"no contracts for the pipeline {self.pipeline}; there are some for {', '.join(CONTRACTS)}"
            )
        names = [entity.name for entity in self.entities]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"the entity {twice[0]} is there twice")
        for entity in self.entities:
            if entity.name not in known:
                raise ValueError(f"no contract for the entity {entity.name}; there are {', '.join(known)}")
            if tuple(entity.key) != known[entity.name].key:
                raise ValueError(
                    f"the key of {entity.name} is {', '.join(entity.key)}, in its contract "
                    f"{', '.join(known[entity.name].key)}"
                )
            if known[entity.name].column(entity.watermark).kind != "timestamp":
                raise ValueError(
                    f"the watermark of {entity.name}, {entity.watermark}, is no timestamp in its contract"
                )
            if entity.full and entity.watermark != known[entity.name].version_column:
                raise ValueError(
                    f"{entity.name} has `full` and the watermark {entity.watermark}; its watermark must be "
                    f"{known[entity.name].version_column}, by which silver dates versions, to be reconciled"
                )
            if entity.mode == "unload":
                if self.stage is None:
                    raise ValueError(f"{entity.name} has the mode unload, and the source no `stage`")
                snowflake.broken(known[entity.name])  # every rule can be judged there
        return self

    def contract(self, entity: Entity) -> Dataset:
        return CONTRACTS[self.pipeline][entity.name]

    def chosen(self, names: Sequence[str] | None) -> tuple[Entity, ...]:
        """The named entities in the source's order, or all of them."""
        known = {entity.name: entity for entity in self.entities}
        if unknown := sorted(set(names or ()) - set(known)):
            raise DataError(
                f"unknown entities {', '.join(unknown)}: {self.pipeline} has {', '.join(known)}. Nothing was read."
            )
        return tuple(entity for entity in self.entities if not names or entity.name in names)


def load(file: Path, overrides: Mapping[str, Mapping[str, Any]] | None = None) -> Source:
    """Read the configuration. `overrides` replaces single settings of named entities."""
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
        return Source.model_validate(_overridden(found, overrides or {}))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ContractError) as error:
        raise DataError(f"{file}: {error}. Correct it, then run again. Nothing was read.") from error
    except ValidationError as error:
        told = "; ".join(
            f"{'.'.join(map(str, each['loc']))}: {each['msg']}".removeprefix(": ") for each in error.errors()
        )
        raise DataError(f"{file}: {told}. Correct it, then run again. Nothing was read.") from error


def _overridden(found: Any, overrides: Mapping[str, Mapping[str, Any]]) -> Any:
    if not overrides:
        return found
    listed = found.get("entities") if isinstance(found, dict) else None
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        return found  # the validation says what is wrong with it
    if any("name" in settings for settings in overrides.values()):
        raise DataError("the name of an entity can't be overridden. Nothing was read.")
    entities = [{**entity, **overrides.get(entity.get("name"), {})} for entity in listed]
    if unknown := sorted(overrides.keys() - {entity.get("name") for entity in entities}):
        raise DataError(f"settings for unknown entities: {', '.join(unknown)}. Nothing was read.")
    return {**found, "entities": entities}
