"""A contract as a JSON-compatible document, for a manifest, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from contracts.language.dataset import Column, Dataset, Derived, Reference, Rule, Thresholds
from contracts.language.delivery import Delivery


def document(dataset: Dataset) -> dict[str, Any]:
    """The contract as a JSON-compatible dict, for a manifest. `from_document` reads it back."""
    return asdict(dataset)


def rules_document(dataset: Dataset) -> dict[str, Any]:
    """The document without descriptions and marks of personal data: what decides the rows that come out."""
    rules = document(dataset)
    del rules["description"]
    for column in rules["columns"]:
        del column["description"], column["personal"]
    return rules


def from_document(found: Mapping[str, Any]) -> Dataset:
    columns = tuple(
        Column(**{**column, "rules": tuple(_rule(rule) for rule in column["rules"])})
        for column in found["columns"]
    )
    listed = {name: tuple(found[name]) for name in ("key", "provided", "reads")}
    nested = {
        "columns": columns,
        "thresholds": Thresholds(**found["thresholds"]),
        "delivery": Delivery(**found["delivery"]) if found["delivery"] else None,
        "references": tuple(Reference(**reference) for reference in found["references"]),
        "derived": tuple(Derived(**derived) for derived in found["derived"]),
    }
    return Dataset(**{**found, **listed, **nested})


def _rule(found: Mapping[str, Any]) -> Rule:
    return Rule(**{**found, "allowed": tuple(found["allowed"])})
