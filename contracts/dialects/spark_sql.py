"""A contract as Spark SQL text: the schema for reading, and projections that cast and validate each row and list reasons.

The text is for DataFrame.selectExpr, so that a single pass over the data does everything: no join, no UDF, no second read.
Intermediate columns: raw__x is x as delivered, text__x its trimmed text, present__x whether it has any. Every delivered
column is renamed first, so delivered names cannot collide with ours.
"""

from __future__ import annotations

from collections.abc import Mapping

from contracts.dialects import spark_nested
from contracts.dialects.delivered import family, readable
from contracts.dialects.spark_digest import canonical
from contracts.dialects.spark_literals import literal, name
from contracts.dialects.spark_types import spark_type_of
from contracts.dialects.spark_values import instant_of_nanos, trimmed, value, written
from contracts.language.dataset import Column, Dataset, Rule
from contracts.language.kinds import TEXT_KINDS, exact_size
from contracts.language.nested import is_nested

SOURCE_COLUMNS = ("source_date", "source_file")
FILLED_DIGITS = 3
_BYTES_OF_A_CHARACTER = 4  # at most, in UTF-8


def spark_schema(columns: Mapping[str, str]) -> str:
    """The schema for reading a file, without columns that Spark cannot read or that would shadow our own."""
    return ", ".join(
        f"{name(column)} {type_name}"
        for column, type_name in readable(columns).items()
        if column not in SOURCE_COLUMNS
    )


def stages(dataset: Dataset, delivered: Mapping[str, str]) -> list[list[str]]:
    """Projections to apply in sequence. Each builds on the columns of the previous one, so nothing is computed twice."""
    frame = _Frame(dataset, delivered)
    return [frame.raw_and_text(), frame.typed(), frame.judged(), frame.explained()]


def content_hash(dataset: Dataset) -> str:
    """A hash for comparing the content of two versions of a row, ten times cheaper than a digest.

    Spark's hash ignores nulls, so a bitmap of null columns is hashed too. The bitmap leaves out later columns, so that rows
    without them keep their hash.
    """
    values = ", ".join(_hashed(column) for column in dataset.columns)
    nulls = " + ".join(
        f"shiftleft(int({name(column.name)} IS NULL), {bit})"
        for bit, column in enumerate(column for column in dataset.optional if not column.is_later)
    )
    return f"xxhash64({values}, {nulls or 0})"


def content_sha256(dataset: Dataset) -> str:
    """A digest of the normalised row.

    A null counts as an empty string, which no normalised value is; a null in a later column is left out.
    """
    fields = ", ".join(
        _canonical(column) if column.is_later else f"coalesce({_canonical(column)}, '')"
        for column in dataset.columns
    )
    return f"sha2(concat_ws('|', {fields}), 256)"


def tie_breaker(dataset: Dataset) -> str:
    """The tie-breaker between rows of the same version: the row with the greater text wins.

    The row with more filled columns wins first, so that a file without the optional columns does not erase values of
    another; then the greater digest, so that the order of files and runs does not matter. Defined only here.
    """
    filled = " + ".join(f"int({name(column.name)} IS NOT NULL)" for column in dataset.optional) or "0"
    return f"concat(lpad({filled}, {FILLED_DIGITS}, '0'), ':', {content_sha256(dataset)})"


def kept(column: Column) -> str:
    """The value to keep: null for an optional value that breaks a rule. Required values are kept, for the reasons."""
    at = name(column.name)
    if column.required or not column.rules:
        return at
    breaks = " OR ".join(broken(rule, at) for rule in column.rules)
    return f"CASE WHEN {breaks} THEN NULL ELSE {at} END"


def broken(rule: Rule, column: str) -> str:
    """An expression that is true if the value breaks the rule, and false or null otherwise."""
    match rule.name:
        case "allowed":
            return f"{column} NOT IN ({', '.join(literal(v) if isinstance(v, str) else str(v) for v in rule.allowed)})"
        case "range":
            return outside(column, rule)
        case "length":
            return _wrong_length(column, rule)
        case "pattern" if rule.pattern is not None:
            return f"NOT {column} RLIKE {literal(rule.pattern)}"
        case "monday":
            return f"weekday({column}) <> 0"
        case "future" if rule.limit and rule.days is not None:
            return f"{column} >= CAST(date_add({name(rule.limit)}, {rule.days + 1}) AS timestamp)"
        case "future" if rule.limit:
            return f"{column} > {name(rule.limit)}"
        case "too_old" if rule.limit and rule.years is not None:
            return f"{column} < add_months({name(rule.limit)}, {-12 * rule.years})"
        case "exceeds" if rule.limit:
            return f"{column} > {name(rule.limit)}"
    raise ValueError(f"rule {rule} cannot be written as Spark SQL")


def outside(measure: str, rule: Rule) -> str:
    below, above = "<=" if rule.exclusive else "<", ">=" if rule.exclusive_maximum else ">"
    bounds = []
    if rule.minimum is not None:
        bounds.append(f"{measure} {below} {rule.minimum}")
    if rule.maximum is not None:
        bounds.append(f"{measure} {above} {rule.maximum}")
    return " OR ".join(bounds)


def _wrong_length(column: str, rule: Rule) -> str:
    """Checks the byte length first, which Spark knows and which decides most cases; counting characters is slow."""
    characters, bounds = f"char_length({column})", []
    if rule.minimum is not None:
        bounds.append(
            f"octet_length({column}) < {int(rule.minimum) * _BYTES_OF_A_CHARACTER} AND {characters} < {rule.minimum}"
        )
    if rule.maximum is not None:
        bounds.append(f"octet_length({column}) > {rule.maximum} AND {characters} > {rule.maximum}")
    return " OR ".join(bounds)


def _canonical(column: Column) -> str:
    return canonical(column.kind, name(column.name))


def _hashed(column: Column) -> str:
    """Spark's hash leaves out nulls inside a value too: ['a', null] would be [null, 'a']."""
    return _canonical(column) if is_nested(column.kind) else name(column.name)


def _raw(column: str) -> str:
    return name(f"raw__{column}")


def _text(column: str) -> str:
    return name(f"text__{column}")


def _present(column: str) -> str:
    return name(f"present__{column}")


def _first(items: list[str]) -> str:
    return f"coalesce({', '.join(items)})" if len(items) > 1 else items[0]


class _Frame:
    """A group of files with the same columns and types."""

    def __init__(self, dataset: Dataset, delivered: Mapping[str, str]) -> None:
        ours = {*SOURCE_COLUMNS, *dataset.provided}
        self.dataset = dataset
        self.types = {
            column: type_name
            for column, type_name in delivered.items()
            if column in readable(delivered) and column not in ours
        }
        self.families = {column: family(type_name) for column, type_name in self.types.items()}
        self.carried = [name(column) for column in (*SOURCE_COLUMNS, *dataset.provided)]
        self.raws = [_raw(column) for column in self.families]
        self.extra = [column for column in self.families if column not in dataset.names]
        self.columns = [name(column) for column in dataset.names]

    def raw_and_text(self) -> list[str]:
        raws = [f"{name(column)} AS {_raw(column)}" for column in self.families]
        texts = [f"{trimmed(name(column))} AS {_text(column)}" for column in self._as_text()]
        return [*raws, *texts, *self.carried]

    def typed(self) -> list[str]:
        values = [f"{self._value(column)} AS {name(column.name)}" for column in self.dataset.columns]
        present = [f"{_text(column)} IS NOT NULL AS {_present(column)}" for column in self._as_text()]
        return [*values, *self.raws, *present, *self.carried]

    def judged(self) -> list[str]:
        values = [
            f"{kept(column)} AS {name(column.name)}" if column.name in self.families else name(column.name)
            for column in self.dataset.columns
        ]
        return [*values, *self.raws, *(_present(column) for column in self._as_text()), *self.carried]

    def explained(self) -> list[str]:
        """The final projection, with reasons. The expression for reasons is repeated on purpose: Spark evaluates equal
        expressions in a projection once, while a separate projection would copy every row."""
        reasons = f"concat_ws(',', {', '.join(self._reasons())})"
        raws = ", ".join(f"{self._readable(column)} AS {name(column)}" for column in self.families)
        document = f"to_json(struct({raws}), map('ignoreNullFields', 'false'))" if raws else "'{}'"
        return [
            *self.columns,
            *self.carried,
            f"CASE WHEN {reasons} = '' THEN CAST(array() AS array<string>) ELSE split({reasons}, ',') END AS reasons",
            f"CASE WHEN {reasons} <> '' THEN {document} END AS raw_values",
            f"{self._kept_aside()} AS kept_aside",
        ]

    def _as_text(self) -> list[str]:
        return [column for column in self.dataset.names if self.families.get(column) == "text"]

    def _value(self, column: Column) -> str:
        at = self.families.get(column.name)
        if at is None:
            return f"CAST(NULL AS {spark_type_of(column.kind)})"
        source = _text(column.name) if at == "text" else _raw(column.name)
        if is_nested(column.kind):
            return spark_nested.value(column.kind, self.types[column.name], source)
        return value(column.kind, at, source)

    def _present(self, column: str) -> str:
        return _present(column) if self.families[column] == "text" else f"{_raw(column)} IS NOT NULL"

    def _reasons(self) -> list[str]:
        """One CASE per reason, ordered by name, so that the resulting list is sorted."""
        cases: dict[str, str] = {}
        for column in self.dataset.required:
            at = name(column.name)
            delivered = column.name in self.families
            present = self._present(column.name) if delivered else "false"
            cases[f"{column.name}:missing"] = f"{at} IS NULL AND NOT ({present})"
            if delivered and not (column.kind in TEXT_KINDS and self.families[column.name] == "text"):
                cases[f"{column.name}:type"] = f"{at} IS NULL AND {present}"
            for rule in column.rules:
                reason, breaks = f"{column.name}:{rule.name}", broken(rule, at)
                cases[reason] = f"{cases[reason]} OR {breaks}" if reason in cases else breaks
        return [f"CASE WHEN {cases[reason]} THEN {literal(reason)} END" for reason in sorted(cases)]

    def _kept_aside(self) -> str:
        extra = {column: self._shown(column) for column in self.extra}
        uncast = {
            column.name: f"CASE WHEN {name(column.name)} IS NULL AND {self._present(column.name)} "
            f"THEN {self._shown(column.name)} END"
            for column in self.dataset.optional
            if column.name in self.families
        }
        parts = {"extra": extra, "uncast": uncast}
        structs = [f"{_struct(fields)} AS {part}" for part, fields in parts.items() if fields]
        shown = [field for fields in parts.values() for field in fields.values()]
        if not shown:
            return "CAST(NULL AS string)"
        return f"CASE WHEN {_first(shown)} IS NOT NULL THEN to_json(struct({', '.join(structs)})) END"

    def _readable(self, column: str) -> str:
        """A raw value as the text that a replay reads as this run does: as it was delivered, if that text does."""
        at, delivered = self.families[column], self._shown(column)
        if column not in self.dataset.names or at in ("text", "void", "whole", "boolean"):
            return delivered
        kind = self.dataset.column(column).kind
        if is_nested(kind):
            typed = spark_nested.value(kind, self.types[column], _raw(column))
            return f"coalesce({spark_nested.as_json(kind, typed)}, {delivered})"
        typed = value(kind, at, _raw(column))
        return (
            f"CASE WHEN {typed} <=> {value(kind, 'text', delivered)} THEN {delivered} "
            f"ELSE coalesce({written(kind, typed)}, {delivered}) END"
        )

    def _shown(self, column: str) -> str:
        """A raw value as text."""
        match self.families[column]:
            case "text":
                return _raw(column)
            case "nested":
                return f"to_json({_raw(column)})"
            case "binary":
                return f"base64({_raw(column)})"
            case "nanos" | "instant_nanos":
                return f"CAST({instant_of_nanos(_raw(column))} AS string)"
            case "floating" if column in self.dataset.names and exact_size(self.dataset.column(column).kind):
                return f"CAST(CAST({_raw(column)} AS double) AS string)"
            case _:
                return f"CAST({_raw(column)} AS string)"


def _struct(fields: Mapping[str, str]) -> str:
    """A struct that is null if every field is, so that it is left out of the JSON."""
    members = ", ".join(f"{expression} AS {name(field)}" for field, expression in fields.items())
    return f"CASE WHEN {_first(list(fields.values()))} IS NOT NULL THEN struct({members}) END"
