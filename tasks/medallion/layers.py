"""The layers above bronze: their tables, what each is computed from, and the Glue job that computes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from contracts.language.dataset import Dataset
from contracts.shop import EXTRACTED, LEARNED
from contracts.shop import GOLD as GOLD_CONTRACTS
from contracts.shop import SILVER as SILVER_CONTRACTS
from tasks.lake.lake_tables import BRONZE, GOLD, ML, SILVER
from tasks.settings import settings


@dataclass(frozen=True)
class Made:
    """What a table is computed from: tables of the layer below or beside it, and parameters of the run."""

    sources: tuple[str, ...]
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True)
class Layer:
    name: str
    """The Glue database."""
    below: str
    """The database of the tables that it is computed from."""
    tables: Mapping[str, Made]
    contracts: Mapping[str, Dataset]
    below_contracts: Mapping[str, Dataset] = field(default_factory=dict)
    """Of the tables that it is computed from, however far below."""
    beside: Mapping[str, str] = field(default_factory=dict)
    """Sources that are not of the database below, with their database. They may be absent: nothing waits for them."""

    def only_gains(self, source: str) -> bool:
        """Whether the source only ever gains rows: a file that is gone there was rolled back."""
        return self.database(source) == BRONZE

    @property
    def job(self) -> str:
        return settings().silver_job if self.name == SILVER else settings().gold_job

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(sorted({source for made in self.tables.values() for source in made.sources}))

    def database(self, source: str) -> str:
        return self.beside.get(source, self.below)


_LINES = Made(("customers", "products", "orders", "order_items"))
SILVER_LAYER = Layer(
    SILVER,
    BRONZE,
    {
        "dim_customers": Made(("customers",)),
        "dim_products": Made(("products",)),
        "fact_orders": _LINES,
        "pending_orders": _LINES,
    },
    SILVER_CONTRACTS,
    EXTRACTED,
)
GOLD_LAYER = Layer(
    GOLD,
    SILVER,
    {
        "customer_analytics": Made(
            ("dim_customers", "fact_orders", "churn_predictions"), ("analysis_date", "segments")
        ),
        "sales_summary": Made(("fact_orders",)),
        "ml_features": Made(("dim_customers", "fact_orders"), ("analysis_date",)),
    },
    GOLD_CONTRACTS,
    {**EXTRACTED, **SILVER_CONTRACTS, **LEARNED},
    dict.fromkeys(LEARNED, ML),
)
