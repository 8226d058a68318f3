"""How much a cell looks like one value: the evidence that a delimiter was found, not only a character that recurs.

The idea is van den Burg, Nazabal and Sutton's ("Wrangling messy CSV files by detecting row and type patterns", 2019): under
the right dialect rows have the same length and cells are values of known types; under a wrong one they are scraps.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

_VALUE = re.compile(
    r"""(?P<number>[-+]?(?:\d+|\d{1,3}(?:[ ,.'\u00a0]\d{3})+)(?:[.,]\d+)?(?:[eE][-+]?\d+)?
        |[-+]?[.,]\d+|[-+(]?[$€£¥]\ ?[\d.,]+\)?|[\d.,]+\ ?[%€£])
    |(?P<time>(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}|\d{1,2}[- ][A-Za-z]{3,9}[- ]\d{2,4})
        (?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\ ?(?:[AaPp][Mm])?(?:Z|\ ?[-+]\d{2}:?\d{2}|\ UTC)?)?
        |\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\ ?(?:[AaPp]\.?[Mm]\.?)?)
    |(?P<address>[a-z][a-z0-9+.-]*://\S+|www\.\S+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+)
    |(?P<word>[\w.@-]+)
    |(?P<missing>n/?a|null|none|nan|-+|\\N|\?)
    |(?P<words>[\w(][\w .'’&()/+:@-]*)""",
    re.VERBOSE | re.IGNORECASE,
)
# The kinds that a name or a word of prose never is.
VALUES = ("number", "time", "address")
_WORTH = {"number": 1.0, "time": 1.0, "address": 1.0, "word": 0.9, "missing": 0.9, "words": 0.8}
_QUOTED = 0.95
_PADDED = 0.9
_EMPTY = 0.85
_SENTENCE = 0.55
_SCRAP = 0.1
# A column without a single value says nothing, and many of them speak against the delimiter.
_EMPTY_COLUMN = 0.3
_HALF_A_PAIR = re.compile(r"""^["'`]|["'`]$|^\s*[,;|]|[,;|]\s*$""")
_SEPARATORS = re.compile(r"[;\t|\x01\x1c-\x1f]|,(?! )")
_LONGEST_TYPED = 200


def plausibility(rows: Sequence[Sequence[str]], delimiter: str | None) -> float:
    """How much the columns of these rows look like columns of values, from 0 to 1."""
    width = max(map(len, rows), default=0)
    columns = ([row[place] for row in rows if place < len(row)] for place in range(width))
    worths = [_of_column(column, delimiter) for column in columns]
    return sum(worths) / len(worths) if worths else 0.0


def _of_column(column: list[str], delimiter: str | None) -> float:
    if not any(column):
        return _EMPTY_COLUMN
    judged = [_of_cell(cell, delimiter) for cell in column]
    kinds = Counter(kind for kind, _ in judged if kind)
    # A header or a footnote is another kind than its column; more kinds than two are a jumble.
    alike = sum(count for _, count in kinds.most_common(2)) / max(1, sum(kinds.values()))
    return (0.75 + 0.25 * alike) * sum(worth for _, worth in judged) / len(judged)


@lru_cache(maxsize=20_000)
def _of_cell(cell: str, delimiter: str | None) -> tuple[str, float]:
    if not cell:
        return "", _EMPTY
    if delimiter and delimiter in cell:
        # It was quoted: nobody quotes what is no value.
        return "words", _QUOTED
    bare = cell.strip(" ")
    padded = 1.0 if len(bare) == len(cell) else _PADDED
    if len(bare) <= _LONGEST_TYPED and (found := _VALUE.fullmatch(bare)) and found.lastgroup:
        return found.lastgroup, _WORTH[found.lastgroup] * padded
    if _HALF_A_PAIR.search(bare):
        return "scrap", _SCRAP
    # A list within a cell is common; that most cells have one means that its separator is the delimiter.
    return ("scrap", _SCRAP * 2) if _SEPARATORS.search(bare) else ("sentence", _SENTENCE * padded)


def kind_of(cell: str) -> str:
    """What a cell is: number, time, address, word, words, missing, sentence, scrap, or nothing."""
    return _of_cell(cell, None)[0]
