"""What the marts of all domains share. Each mart is one SELECT over the DW, in a .sql file of its domain."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warehouse.statement import Kind, Statement

EVERYTHING = "TRUE"


@dataclass(frozen=True)
class Mart:
    name: str
    domain: str
    parameters: tuple[Any, ...] = ()

    @property
    def table(self) -> str:
        return f"MARTS.{self.name.upper()}"

    def select(self, scope: str = EVERYTHING) -> str:
        file = Path(__file__).parent / self.domain / f"{self.name}.sql"
        return file.read_text().replace("{scope}", scope)

    def overwrite(self) -> Statement:
        return Statement(
            f"rebuild {self.name}",
            f"INSERT OVERWRITE INTO {self.table}\n{self.select()}",
            self.parameters,
            kind=Kind.MART,
        )

    def insert(self, scope: str = EVERYTHING, parameters: tuple[Any, ...] = ()) -> Statement:
        """Add the rows of a scope with these parameters, after those that it replaces were deleted."""
        return Statement(
            f"compute what changed in {self.name}",
            f"INSERT INTO {self.table}\n{self.select(scope)}",
            (*self.parameters, *parameters),
            kind=Kind.MART,
        )


def rules_of(marts: Iterable[Mart], *more: str) -> str:
    """A hash of all that the marts' rows follow from, besides the tables that they read: `more` than their statements."""
    some = list(marts)
    parameters = {mart.name: mart.parameters for mart in some if mart.parameters}
    texts = [*(mart.select() for mart in some), str(parameters), *more]
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


@dataclass(frozen=True)
class Headlines:
    """Figures of one table that a run reports: each by its name and the expression that computes it."""

    table: str
    figures: dict[str, str]

    def statement(self) -> Statement:
        """Without aliases: Snowflake would take a SUM(units) for one of the alias `units`, a nested aggregate."""
        expressions = ",\n    ".join(self.figures.values())
        return Statement(f"read headlines from {self.table}", f"SELECT\n    {expressions}\nFROM {self.table}")
