"""A contract as Spark SQL text: the schema to read by, and the projections that cast, judge and explain each row.

The text is for DataFrame.selectExpr, so that one pass over the data does it all: no join, no UDF, no second read.
Column names inside: raw__x is x as delivered, text__x its trimmed text, present__x whether there is any; delivered
names cannot collide with the frame's own, because every delivered column is renamed first.
"""

from __future__ import annotations

from collections.abc import Mapping

from contracts.dialects.delivered import family, readable
from contracts.dialects.spark_types import SPARK_TYPES, TEXT_KINDS
from contracts.dialects.spark_values import instant_of_nanos, literal, name, trimmed, value
from contracts.language.dataset import Column, Dataset, Rule

SOURCE_COLUMNS = ("source_date", "source_file")
FILLED_DIGITS = 3
_BYTES_OF_A_CHARACTER = 4  # at most, in UTF-8


def spark_schema(columns: Mapping[str, str]) -> str:
    """The schema to read a file by. Columns that Spark cannot read, or that would hide our own, are left out."""
    return ", ".join(
        f"{name(column)} {type_name}"
        for column, type_name in readable(columns).items()
        if column not in SOURCE_COLUMNS
    )


def stages(dataset: Dataset, delivered: Mapping[str, str]) -> list[list[str]]:
    """Projections to apply one after the other; each uses what the one before named, so nothing is computed twice."""
    frame = _Frame(dataset, delivered)
    return [frame.raw_and_text(), frame.typed(), frame.judged(), frame.explained()]


def content_hash(dataset: Dataset) -> str:
    """Tells whether two versions of a row say the same, for a tenth of a digest's price. Spark's hash passes over a
    null without a trace, so that which columns are null is hashed too; not of later columns, so that a row which lacks
    them keeps its hash."""
    values = ", ".join(name(column.name) for column in dataset.columns)
    nulls = " + ".join(
        f"shiftleft(int({name(column.name)} IS NULL), {bit})"
        for bit, column in enumerate(column for column in dataset.optional if not column.is_later)
    )
    return f"xxhash64({values}, {nulls or 0})"


def content_sha256(dataset: Dataset) -> str:
    """A digest of the normalised row. A null is the empty string, which no normalised value is, and in a later column
    nothing at all; texts that may hold the separator carry their length."""
    fields = ", ".join(
        _canonical(column) if column.is_later else f"coalesce({_canonical(column)}, '')"
        for column in dataset.columns
    )
    return f"sha2(concat_ws('|', {fields}), 256)"


def standing(dataset: Dataset) -> str:
    """Which of two rows of the same version stands: the one with the greater text.

    First the one that says more, so that a file which lacks the optional columns does not wipe out its twin's values;
    then the greater digest, so that neither files nor runs nor their order matter. This is the only place that says so.
    """
    filled = " + ".join(f"int({name(column.name)} IS NOT NULL)" for column in dataset.optional) or "0"
    return f"concat(lpad({filled}, {FILLED_DIGITS}, '0'), ':', {content_sha256(dataset)})"


def kept(column: Column) -> str:
    """An optional value that breaks a rule is null; a required one stays, for the reasons to name it."""
    at = name(column.name)
    if column.required or not column.rules:
        return at
    breaks = " OR ".join(broken(rule, at) for rule in column.rules)
    return f"CASE WHEN {breaks} THEN NULL ELSE {at} END"


def broken(rule: Rule, column: str) -> str:
    """True where the value breaks the rule, null or false where there is nothing to say."""
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
    """Spark counts characters one by one; the bytes, which it knows, settle it for most values."""
    characters, bounds = f"char_length({column})", []
    if rule.minimum is not None:
        bounds.append(
            f"octet_length({column}) < {int(rule.minimum) * _BYTES_OF_A_CHARACTER} AND {characters} < {rule.minimum}"
        )
    if rule.maximum is not None:
        bounds.append(f"octet_length({column}) > {rule.maximum} AND {characters} > {rule.maximum}")
    return " OR ".join(bounds)


def _canonical(column: Column) -> str:
    at = name(column.name)
    if column.kind in ("identifier", "text", "channel"):
        return f"concat(char_length({at}), ':', {at})"
    if column.kind == "date":
        return f"unix_date({at})"
    if column.kind == "timestamp":
        return f"unix_micros({at})"
    return f"CAST({at} AS string)"


def _raw(column: str) -> str:
    return name(f"raw__{column}")


def _text(column: str) -> str:
    return name(f"text__{column}")


def _present(column: str) -> str:
    return name(f"present__{column}")


def _first(items: list[str]) -> str:
    return f"coalesce({', '.join(items)})" if len(items) > 1 else items[0]


class _Frame:
    """One group of files that were delivered alike."""

    def __init__(self, dataset: Dataset, delivered: Mapping[str, str]) -> None:
        ours = {*SOURCE_COLUMNS, *dataset.provided}
        self.dataset = dataset
        self.families = {
            column: family(type_name)
            for column, type_name in delivered.items()
            if column in readable(delivered) and column not in ours
        }
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
        """The list of reasons is written out wherever it is asked for: Spark evaluates equal expressions of one
        projection once, while a projection of its own would copy every row."""
        reasons = f"concat_ws(',', {', '.join(self._reasons())})"
        raws = ", ".join(f"{self._shown(column)} AS {name(column)}" for column in self.families)
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
            return f"CAST(NULL AS {SPARK_TYPES[column.kind]})"
        return value(column.kind, at, _text(column.name) if at == "text" else _raw(column.name))

    def _present(self, column: str) -> str:
        return _present(column) if self.families[column] == "text" else f"{_raw(column)} IS NOT NULL"

    def _reasons(self) -> list[str]:
        """One case per reason, in the order of the reasons' names: the list comes out sorted."""
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

    def _shown(self, column: str) -> str:
        """A raw value as text, for people and for a replay."""
        match self.families[column]:
            case "text":
                return _raw(column)
            case "nested":
                return f"to_json({_raw(column)})"
            case "binary":
                return f"base64({_raw(column)})"
            case "nanos" | "instant_nanos":
                return f"CAST({instant_of_nanos(_raw(column))} AS string)"
            case _:
                return f"CAST({_raw(column)} AS string)"


def _struct(fields: Mapping[str, str]) -> str:
    """A struct that is null when every field is, so that its JSON is left out."""
    members = ", ".join(f"{expression} AS {name(field)}" for field, expression in fields.items())
    return f"CASE WHEN {_first(list(fields.values()))} IS NOT NULL THEN struct({members}) END"
