"""Which dialect a text is written in, decided from a sample, by what the records look like under each.

Every candidate splits the sample with the very splitter that reads the file. It scores by how alike its records are in
width, how much its cells look like values, and how well its quotes stand. Where two candidates of different tables score
alike, the text is ambiguous, and that is said.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tasks.delimited.cells import kind_of, plausibility
from tasks.delimited.splitting import STRAY, Dialect, Record, Splitter

COMMON = ",;\t|"
# Seen in the wild, each with what it takes away from the score: they also occur in dates, prose and markup.
_RARE = {
    " ": 0.85,
    ":": 0.8,
    "^": 0.95,
    "~": 0.95,
    "\x01": 1.0,
    "\x1f": 1.0,
    "\x1e": 0.95,
    "\x1c": 0.95,
    "\x07": 0.95,
}
_RARE |= dict.fromkeys("#$%&*!?=<>@§¦¬·¶†‡", 0.8)
# What stands before a quote in ordinary text.
_NO_ESCAPES = COMMON + ":=([{<>.-"
_QUOTES = "\"'`"
_LEAST_SHARE_OF_LINES = 0.1
_TYPED_ROWS = 40
# Candidates whose widths agree this much less than the best one's are not looked at closer.
_HOPELESS = 0.2
_ENOUGH_FLAWS = 10
_CONVINCING = 0.55
_AMBIGUOUS = 0.97
_ONE_COLUMN = 0.35
_MOSTLY = 0.6
_PROSE = 0.4
_UNQUOTED = 0.9
_UNESCAPED = 0.35
_TORN = 0.7
_ALIGNED = 0.3
Split = tuple[Dialect, list[Record], float]
# Signs that form a delimiter together with another, such as ~|~. Signs that begin or end a value (- + . $ %) are no part.
_PARTNERS = r"~|^#;:,*&!<>@=\t"
# A group of signs is tried where it is in so many lines; lines within quoted fields have none.
_GROUPED = 0.5


@dataclass(frozen=True)
class Candidate:
    """A dialect and what the sample looks like under it. `width` is the usual number of fields."""

    dialect: Dialect
    width: int
    score: float
    agreeing: float
    # The share of rows whose quotes stand wrong, and whether quotes enclose a delimiter or a line's end anywhere.
    torn: float = 0.0
    enclosing: bool = False


@dataclass(frozen=True)
class Decision:
    """The best candidate and, where a different table is as likely, the rival."""

    best: Candidate
    rival: Candidate | None = None


def ranked(sample: str, complete: bool = True) -> list[Candidate]:
    """The candidates for a sample, the likeliest first."""
    found = list(_scored(sample, complete))
    if any(each.enclosing and not each.torn and each.agreeing > _MOSTLY for each in found):
        # One reading explains every quote: those that tear some of them are less likely for it.
        found = [replace(each, score=each.score * _TORN) if each.torn else each for each in found]
    found.sort(key=lambda each: -each.score)
    return found or [Candidate(Dialect(), 1, 0.0, 1.0)]


def decide(sample: str, complete: bool = True) -> Decision:
    """The dialect of a sample by its looks alone."""
    candidates = ranked(sample, complete)
    return Decision(candidates[0], rival_of(candidates))


def rival_of(candidates: Sequence[Candidate]) -> Candidate | None:
    """The candidate that makes another table and is as likely as the first."""
    best = candidates[0]
    rival = next((each for each in candidates[1:] if _is_other_table(best, each)), None)
    return rival if rival and rival.score >= _AMBIGUOUS * best.score else None


def usual_width(rows: Sequence[Sequence[str]]) -> int:
    """The number of fields that most rows have, 0 without rows."""
    return Counter(map(len, rows)).most_common(1)[0][0] if rows else 0


def _is_other_table(one: Candidate, other: Candidate) -> bool:
    mine, theirs = one.dialect.delimiter or "", other.dialect.delimiter or ""
    # That "," and ", " explain a text alike is a matter of blanks, not of columns.
    return (
        mine != theirs
        and not (mine and mine in theirs)
        and not (theirs and theirs in mine)
        and other.width > 1
    )


def _scored(sample: str, complete: bool) -> Iterator[Candidate]:
    """The candidates worth a look, each with its score. Rare delimiters are tried where the common ones do not convince."""
    lines = [line for line in re.split(r"\r\n|\r|\n", sample) if line.strip()]
    text = "\n".join(lines)
    convinced = False
    for family in (COMMON, "".join(_RARE)):
        if convinced:
            return
        splits = list(_splits(sample, _delimiters(lines, text, family), complete))
        most = max((agreeing for _, _, agreeing in splits), default=0.0)
        for dialect, rows, agreeing in _certain_groups(splits):
            if agreeing >= _HOPELESS * most:
                candidate = _scored_rows(dialect, rows)
                convinced |= candidate.score >= _CONVINCING
                yield candidate
    yield from (_scored_rows(dialect, rows) for dialect, rows, _ in _splits(sample, [None], complete))


def _splits(sample: str, delimiters: Sequence[str | None], complete: bool) -> Iterator[Split]:
    for delimiter in delimiters:
        sound = False
        for quote, escape in _quotings(sample, delimiter):
            # Quotes that stand well need no comparison with a reading that ignores them.
            if quote is None and sound:
                continue
            rows = split_sample(sample, dialect := Dialect(delimiter, quote, escape), complete)
            sound |= not any(row.flaw for row in rows)
            yield dialect, rows, _agreement(rows)[1]


def _certain_groups(splits: list[Split]) -> list[Split]:
    """Without the delimiters of several characters that do not fit every row that a single one of them fits."""
    fitting: dict[tuple[str | None, str | None, str | None], int] = {}
    for dialect, rows, _ in splits:
        width = _agreement(rows)[0]
        fitting[dialect.delimiter, dialect.quote, dialect.escape] = sum(
            len(row.cells) == width for row in rows
        )

    def is_certain(dialect: Dialect) -> bool:
        quoting = (dialect.quote, dialect.escape)
        mine = fitting[(dialect.delimiter, *quoting)]
        return all(mine >= fitting.get((single, *quoting), 0) for single in dialect.delimiter or "")

    return [split for split in splits if len(split[0].delimiter or "") < 2 or is_certain(split[0])]


def _delimiters(lines: list[str], text: str, family: str) -> list[str]:
    """Characters of a family, and groups of characters around them, that occur in enough lines to be a delimiter."""
    least = max(1, int(len(lines) * _LEAST_SHARE_OF_LINES))
    found = [each for each in family if each in text and sum(each in line for line in lines) >= least]
    most = _GROUPED * len(lines)
    groups = [
        group
        for each in found
        for group in _groups(text, each)
        if sum(group in line for line in lines) >= most
    ]
    return [*groups, *found]


def _groups(text: str, character: str) -> list[str]:
    """Delimiters of several characters around this one. Longer ones first."""
    tried = [character * 4, character * 3, character * 2]
    if character != " ":
        tried += [f" {character} ", f"{character} "]
        beside = Counter(re.findall(rf"([{_PARTNERS}]){re.escape(character)}", text)).most_common(1)
        after = Counter(re.findall(rf"{re.escape(character)}([{_PARTNERS}])", text)).most_common(1)
        left, right = (beside or [("", 0)])[0][0], (after or [("", 0)])[0][0]
        tried += [
            each for each in (left + character + right, left + character, character + right) if len(each) > 1
        ]
    return [each for each in dict.fromkeys(tried) if each in text]


def _quotings(sample: str, delimiter: str | None) -> list[tuple[str | None, str | None]]:
    """Quotes that open or close a field somewhere, with the escapes that occur before them."""
    found: list[tuple[str | None, str | None]] = []
    edge = rf"(?:^|[\r\n]|{re.escape(delimiter or chr(10))})[ \t]*"
    unquoted_escape = delimiter is not None and f"\\{delimiter}" in sample
    for quote in _QUOTES:
        if quote in sample and re.search(edge + quote, sample):
            found.append((quote, quote))
            found += [
                (quote, escape) for escape in _escapes(sample, quote, delimiter or "") if escape != delimiter
            ]
    if any(quote == '"' for quote, _ in found):
        found.append((None, None))
    else:
        found += [('"', '"'), ('"', "\\")] if unquoted_escape else [('"', '"')]
    return found


def _escapes(sample: str, quote: str, delimiter: str) -> set[str]:
    """A backslash, or another sign that stands before every quote that neither opens nor closes a field."""
    edges = re.escape(quote + delimiter[:1]) + r"\r\n"
    before = Counter(re.findall(rf"([^{edges}]){quote}(?![{edges}]|\Z)", sample))
    found = {
        sign
        for sign, times in before.items()
        if times > 1 and len(before) == 1 and not (sign.isalnum() or sign.isspace() or sign in _NO_ESCAPES)
    }
    return found | {"\\"} if f"\\{quote}" in sample else found


def split_sample(sample: str, dialect: Dialect, complete: bool) -> list[Record]:
    """The records of the sample, without blank ones; twice where the first pass shows the usual width."""
    rows = _records(sample, dialect, 0, complete)
    width, agreeing = _agreement(rows)
    if any(row.flaw or row.lines > 1 for row in rows) and agreeing > 0:
        rows = _records(sample, dialect, width, complete)
    return rows


def _records(sample: str, dialect: Dialect, width: int, complete: bool) -> list[Record]:
    splitter = Splitter(sample, dialect, width, final=complete)
    rows: list[Record] = []
    flawed = 0
    for record in splitter.records():
        if record.cells:
            rows.append(record)
            flawed += bool(record.flaw)
            # Under a wrong delimiter nearly every quote stands wrong: there is no need to see all of them.
            if flawed > _ENOUGH_FLAWS and flawed > len(rows) / 2:
                break
    if not rows and not complete:
        rows = [record for record in Splitter(sample, dialect, width).records() if record.cells]
    return rows


def _agreement(rows: Sequence[Record]) -> tuple[int, float]:
    """The usual width, and how far widths agree: the chance that two rows have the same, weighed by that width."""
    if not rows:
        return 1, 0.0
    widths = Counter(len(row.cells) for row in rows)
    usual = max(widths, key=lambda width: (widths[width] * (width - 1) / width, width))
    return usual, sum((count / len(rows)) ** 2 * (width - 1) / width for width, count in widths.items())


def _scored_rows(dialect: Dialect, rows: Sequence[Record]) -> Candidate:
    # Comments have no columns, in whatever dialect.
    rows = [row for row in rows if not row.cells[0].startswith("#")] or rows
    width, agreeing = _agreement(rows)
    sampled = [row.cells for row in rows[:: max(1, len(rows) // _TYPED_ROWS)]]
    flawed = sum(map(_flaw, rows)) if dialect.quote else sum(map(_left_open, rows))
    torn = flawed / max(1, len(rows))
    sound = max(0.0, 1 - torn) ** 2
    if dialect.delimiter is None:
        # Where whole lines are times or addresses, the colons and blanks within them delimit nothing.
        whole = sum(kind_of(cells[0]) in ("time", "address") for cells in sampled) / max(1, len(sampled))
        worth = _ONE_COLUMN + (1 - _ONE_COLUMN) * (whole if whole > _MOSTLY else 0.0)
        return Candidate(dialect, 1, worth * plausibility(sampled, None) * sound, 1.0, torn)
    usual = [cells for cells in sampled if len(cells) == width] or sampled
    share = sum(len(row.cells) == width for row in rows) / max(1, len(rows))
    score = agreeing * plausibility(usual, dialect.delimiter) * sound * _prior(dialect, usual)
    enclosing = any(row.lines > 1 or any(dialect.delimiter in cell for cell in row.cells) for row in rows)
    return Candidate(dialect, width, score, share, torn, enclosing)


def _prior(dialect: Dialect, rows: Sequence[Sequence[str]]) -> float:
    """How likely a dialect is before its rows are looked at. Blanks delimit figures; between words they are prose."""
    sign = (dialect.delimiter or "").strip(" ")[:1] or " "
    if sign == " " and not any(kind_of(cell) in ("number", "time") for row in rows[1:] for cell in row):
        return _PROSE
    if sign == " " and sum(cell == "" for row in rows for cell in row) > _ALIGNED * sum(map(len, rows)):
        # Runs of blanks align columns; they do not part empty fields.
        return _PROSE
    return _RARE.get(sign, 1.0) * (1.0 if dialect.quote else _UNQUOTED)


def _flaw(row: Record) -> float:
    """An unclosed quote speaks against a dialect; one that was not escaped is as often the sender's fault."""
    return _UNESCAPED if row.flaw == STRAY else float(bool(row.flaw))


def _left_open(row: Record) -> bool:
    """Whether a cell begins or ends with a quote, but not both: a dialect that ignores quotes tore it."""
    return any(cell[:1] == '"' != cell[-1:] or cell[-1:] == '"' != cell[:1] for cell in row.cells)
