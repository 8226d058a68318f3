"""JSON documents as hypothesis draws them: valid ones, and ones that some parsers accept."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from contracts.language.kinds import MAX_JSON_DEPTH

_KEYS = st.sampled_from(["a", "b", "", "é", 'q"', "a.b", "$", "\\", "{", "~a", "x y"])
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
)
_WELL_KNOWN = [
    '{"a":1,"a":2}',
    '{"a":1,"\\u0061":2}',
    '{"a":{"b":[1,{"c":1,"c":1}]}}',
    '{"a":"{\\"b\\":1,\\"b\\":2}"}',
    '[{"a":1},{"a":1}]',
    '{"":1,"":2}',
    '{"A":1,"a":2}',
    "{'a':1}",
    "{a:1}",
    '{"a":1,}',
    "[1,]",
    "[,1]",
    "[1 2]",
    "[01]",
    "[1.]",
    "[.5]",
    "[+1]",
    "[-]",
    "[-0]",
    "[1e5, 1E-5, 1e999]",
    "[NaN]",
    "[-Infinity]",
    "[nan, inf]",
    '["NaN, ]"]',
    "[True]",
    "[undefined]",
    "[null]",
    "null",
    "1",
    '"text"',
    "{}",
    "[]",
    "{",
    "]",
    "{} {}",
    "[] x",
    "1] [2",
    '["\t"]',
    '["\\t\\/\\b"]',
    '["\\x41"]',
    '["\\ud800"]',
    '["\\udc00\\ud800"]',
    '["\\ud83d\\ude00"]',
    '["\\\\ud800"]',
    '["\\u0000"]',
    '["\\u12"]',
    "[1]//",
    "/**/[1]",
    "\ufeff[]",
    "[\u00a01]",
    "[\n1\r\n,\t2 ]",
    f"[{'9' * 400}]",
    "[" * MAX_JSON_DEPTH + "]" * MAX_JSON_DEPTH,
    "[" * (MAX_JSON_DEPTH + 1) + "]" * (MAX_JSON_DEPTH + 1),
    '{"a":' * MAX_JSON_DEPTH + "1" + "}" * MAX_JSON_DEPTH,
    '{"a":' * MAX_JSON_DEPTH + "{}" + "}" * MAX_JSON_DEPTH,
]


def _values(depth: int = 3) -> st.SearchStrategy[object]:
    if depth == 0:
        return _SCALARS
    inner = _values(depth - 1)
    return _SCALARS | st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3)


_ROOTS = st.lists(_values(2), max_size=3) | st.dictionaries(_KEYS, _values(2), max_size=3)
DOCUMENTS = st.tuples(_ROOTS, st.booleans(), st.sampled_from([None, 0, "\t"])).map(
    lambda drawn: json.dumps(drawn[0], ensure_ascii=drawn[1], indent=drawn[2])
)


@st.composite
def _damaged(draw: st.DrawFn) -> str:
    """A valid document with a few characters put in, taken out or doubled."""
    document = draw(DOCUMENTS)
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, len(document)))
        more = draw(st.sampled_from([*'{}[]":,\\/0-.eun ', '"a":1,', "\x01"]))
        document = document[:at] + more + document[at + draw(st.integers(0, 2)) :]
    return document


ODD_DOCUMENTS: st.SearchStrategy[str] = st.sampled_from(_WELL_KNOWN) | _damaged()
