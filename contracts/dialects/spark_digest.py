"""Values as text in Spark SQL, such that different values of a kind have different texts."""

from __future__ import annotations

from contracts.dialects.spark_literals import name
from contracts.language.kinds import TEXT_KINDS
from contracts.language.nested import element_of, fields_of


def canonical(kind: str, at: str) -> str:
    """Null for a null, and otherwise never empty. Texts that may contain the separator are prefixed with their length."""
    if (element := element_of(kind)) is not None:
        return f"concat(size({at}), ':', concat_ws('|', transform({at}, x -> {_part(element, 'x')})))"
    if fields := fields_of(kind):
        parts = ", ".join(_part(inside, f"{at}.{name(field)}") for field, inside in fields.items())
        return f"CASE WHEN {at} IS NOT NULL THEN concat_ws('|', 'struct', {parts}) END"
    if kind in ("identifier", "text", "channel", "json"):
        return _sized(at)
    if kind == "date":
        return f"unix_date({at})"
    if kind == "timestamp":
        return f"unix_micros({at})"
    return f"CAST({at} AS string)"


def _part(kind: str, at: str) -> str:
    return f"coalesce({_sized(at) if kind in TEXT_KINDS else canonical(kind, at)}, '')"


def _sized(text: str) -> str:
    return f"concat(char_length({text}), ':', {text})"
