"""Arrays and structs as hypothesis draws them: as JSON text or nested in Parquet. Other kinds are left to pools."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from contracts.language.columns import optional
from contracts.language.dataset import Column
from contracts.language.nested import element_of, fields_of, is_nested
from tests.contracts.documents import ODD_DOCUMENTS
from tests.contracts.pools import (
    BLANK,
    PADDING,
    column_of,
    good_text,
    odd_text,
    plain_text_pool,
    plain_typed_pool,
)

Pool = tuple[list[Any], list[Any]]
_BARE = re.compile(r"-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]+)?|true|false")
_SPACE = st.sampled_from(["", "", " ", "\n", "\t "])


def text_pool(column: Column) -> st.SearchStrategy[Pool]:
    if not is_nested(column.kind):
        return plain_text_pool(column)
    good = _document(column.kind, good_text)
    odd = st.one_of(BLANK, ODD_DOCUMENTS, _document(column.kind, odd_text), _damaged(good))
    return st.tuples(st.lists(good, min_size=3, max_size=8), st.lists(odd, min_size=8, max_size=16))


@st.composite
def typed_pool(draw: st.DrawFn, column: Column) -> tuple[pa.DataType, list[Any], list[Any]]:
    if not is_nested(column.kind):
        return draw(plain_typed_pool(column))
    element = element_of(column.kind)
    if element is not None:
        arrow, good, odd = draw(_member_pool(element))
        some = st.lists(st.sampled_from(good), max_size=4)
        any_ = st.lists(st.sampled_from(good + odd), max_size=4)
        return pa.list_(arrow), draw(_several(some)), [None, *draw(_several(any_))]
    fields = {f: k for f, k in fields_of(column.kind).items() if draw(st.integers(0, 4))} or fields_of(
        column.kind
    )
    pools = {field: draw(_member_pool(kind)) for field, kind in fields.items()}
    some = st.fixed_dictionaries({field: st.sampled_from(pool[1]) for field, pool in pools.items()})
    any_ = st.fixed_dictionaries({field: st.sampled_from(pool[1] + pool[2]) for field, pool in pools.items()})
    arrow = pa.struct([(field, pool[0]) for field, pool in pools.items()])
    return arrow, draw(_several(some)), [None, *draw(_several(any_))]


def _several(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=3, max_size=8)


@st.composite
def _member_pool(draw: st.DrawFn, kind: str) -> tuple[pa.DataType, list[Any], list[Any]]:
    """As of a column of the kind, in a type that Spark reads inside of others."""
    column = optional("member", kind, "A member.")
    if kind != "time" and draw(st.integers(0, 3)):
        arrow, good, odd = draw(plain_typed_pool(column))
        if not pa.types.is_null(arrow) and not (pa.types.is_timestamp(arrow) and arrow.unit == "ns"):
            return arrow, column_of(good, arrow).to_pylist(), column_of(odd, arrow).to_pylist()
    good, odd = draw(plain_text_pool(column))
    return pa.string(), good, odd


@st.composite
def _document(draw: st.DrawFn, kind: str, text_of: Callable[[str], st.SearchStrategy[Any]]) -> str:
    """JSON with some members as strings and some as they are, with blanks between them."""
    element = element_of(kind)
    if element is not None:
        members = [draw(_literal(text_of(element))) for _ in range(draw(st.integers(0, 4)))]
        return f"[{','.join(members)}]"
    fields = draw(st.permutations(list(fields_of(kind).items())))
    members = [
        f"{draw(_SPACE)}{json.dumps(field)}{draw(_SPACE)}:{draw(_literal(text_of(inside)))}"
        for field, inside in fields[: draw(st.integers(0, len(fields)))]
    ]
    return f"{{{','.join(members)}}}"


@st.composite
def _literal(draw: st.DrawFn, texts: st.SearchStrategy[str | None]) -> str:
    text = draw(texts)
    if text is None:
        return "null"
    if _BARE.fullmatch(text) and draw(st.booleans()):
        return f"{draw(_SPACE)}{text}{draw(_SPACE)}"
    padded = f"{draw(PADDING)}{text}{draw(PADDING)}"
    return f"{draw(_SPACE)}{json.dumps(padded, ensure_ascii=draw(st.booleans()))}{draw(_SPACE)}"


@st.composite
def _damaged(draw: st.DrawFn, documents: st.SearchStrategy[str]) -> str:
    document = draw(documents)
    at = draw(st.integers(0, len(document)))
    more = draw(st.sampled_from([*'{}[]":,\\/0-.en ', '"amount":1,', '"x":1,', "null,", "\x01"]))
    return document[:at] + more + document[at + draw(st.integers(0, 2)) :]
