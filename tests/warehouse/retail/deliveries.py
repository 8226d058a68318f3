"""Partners' files as they might be delivered, and what must come of them: by plain Python, from the files alone."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from tasks.inbox.waiting import Version
from tests.tasks.inbox.sheets import COLUMNS, Fate, Record, Sheet, Style, blank
from tests.warehouse.retail.oracle import Expected, Sale, Store

BROKEN_RATE_MAX = 0.5
FIRST_SECOND = datetime(2025, 3, 1, 12, tzinfo=UTC)
NAMES = {
    "sales": {"a/sales_20250111.csv": 11, "sales_20250112.csv": 12, "SALE-2025-01-13_v2.txt": 13},
    "stores": {"stores_20250111.csv": 11, "b/stores_20250112.csv": 12},
}
STYLES = (
    Style(),
    Style(";", newline="\r\n", encoding="cp1252"),
    Style("\t", always=True),
    Style("|", encoding="utf-16-le", bom=True),
)
_TOKENS = ("007", "7", "1E5", *(f"S{number}" for number in range(1, 10)))
_TIMES = {
    "2025-01-31T23:59:59.999999": datetime(2025, 1, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    "2025-02-01T03:00:00+05:30": datetime(2025, 1, 31, 21, 30, tzinfo=UTC),
    "2025-01-31 20:00:00-05:00": datetime(2025, 2, 1, 1, tzinfo=UTC),
    "2025-02-01T00:00:00Z": datetime(2025, 2, 1, tzinfo=UTC),
}


@dataclass(frozen=True)
class Delivery:
    """One version of one object of the inbox. `number` makes its id."""

    number: int
    name: str
    sheet: Sheet
    second: int
    is_packed: bool

    @property
    def body(self) -> bytes:
        return gzip.compress(self.sheet.body, mtime=0) if self.is_packed else self.sheet.body

    @property
    def version(self) -> Version:
        received_at = FIRST_SECOND + timedelta(seconds=self.second)
        return Version(f"inbox/{self.name}", f"v{self.number}", received_at, len(self.body))

    @property
    def batch_date(self) -> date:
        return date(2025, 1, NAMES[self.sheet.kind][self.name])

    @property
    def content(self) -> tuple[str, bytes]:
        return self.sheet.kind, self.sheet.body

    @property
    def is_refused(self) -> bool:
        rows, broken = self.sheet.count(Fate.ROW), self.sheet.count(Fate.BROKEN)
        return broken > BROKEN_RATE_MAX * (rows + broken)

    @property
    def rows(self) -> list[tuple[int, Any]]:
        make = Sale if self.sheet.kind == "sales" else Store
        return [(line, make(*record.values)) for line, record in self.sheet.places(Fate.ROW)]

    @property
    def broken_lines(self) -> list[int]:
        return [line for line, _ in self.sheet.places(Fate.BROKEN)]


def _sale(token: str, transaction: str, receipt: str, time: str, amount: str, role: str) -> Record:
    cells = (token, transaction, receipt, time, amount, role)
    try:
        values = (*cells[:3], _TIMES[time], Decimal(amount), role or None)
    except ArithmeticError:
        return Record(Fate.BROKEN, cells)
    return Record(Fate.ROW, cells, values)


def _store(group: str, token: str, name: str) -> Record:
    fate = Fate.ROW if name else Fate.BROKEN
    return Record(fate, (group, token, name), (group or None, token, name))


_tokens = st.sampled_from(_TOKENS)
ROWS = {
    "sales": st.builds(
        _sale,
        _tokens,
        st.sampled_from(("T1", "T2")),
        st.sampled_from(("R1", "R2")),
        st.sampled_from(sorted(_TIMES)),
        st.sampled_from(("5.00", "5.00", "7.25", "-2.50", "0", "9999999999999999.99", "ten")),
        st.sampled_from(("", "caissière")),
    ),
    "stores": st.builds(
        _store, st.sampled_from(("", "north")), _tokens, st.sampled_from(('Zoë\'s "Café"; 2|3', "Corner", ""))
    ),
}


@st.composite
def sheets(draw: st.DrawFn, kind: str) -> list[Sheet]:
    """The same few pieces split, joined, in any order, with the header again between them, in partners' ways of writing."""
    pieces = draw(st.lists(st.lists(ROWS[kind], min_size=2, max_size=8), min_size=2, max_size=3))
    header = Record(Fate.HEADER, COLUMNS[kind])
    between = {"nothing": (), "header": (header,), "blank": (blank(),)}
    found = []
    for _ in range(3):
        chosen = draw(st.lists(st.sampled_from(pieces), min_size=1, max_size=3))
        joined = between[draw(st.sampled_from(sorted(between)))]
        records = [header, *chosen[0]]
        for piece in chosen[1:]:
            records += [*joined, *piece]
        found.append(Sheet(kind, draw(st.sampled_from(STYLES)), tuple(records)))
    return found


@st.composite
def deliveries(draw: st.DrawFn) -> list[Delivery]:
    """Few names and few contents: a name is corrected and the correction taken back, a content comes under several names."""
    found: list[Delivery] = []
    for kind, most in (("sales", 7), ("stores", 3)):
        versions = st.tuples(
            st.sampled_from(sorted(NAMES[kind])),
            st.sampled_from(draw(sheets(kind))),
            st.integers(0, 4),
            st.sampled_from((False, False, True)),
        )
        for given in draw(st.lists(versions, min_size=most // 2, max_size=most)):
            found.append(Delivery(len(found), *given))
    return found


def loads_in_order_of_arrival(given: Iterable[Delivery]) -> list[Delivery]:
    """The files that load if each is processed when it arrives; all other readable ones are unchanged."""
    loads: list[Delivery] = []
    for each in sorted(given, key=lambda delivery: delivery.version.arrival):
        own = [load for load in loads if load.name == each.name]
        is_newest = bool(own) and own[-1].content == each.content
        is_elsewhere = any(load.content == each.content and load.name != each.name for load in loads)
        if not (is_newest or is_elsewhere or each.is_refused):
            loads.append(each)
    return loads


def expected(given: Sequence[Delivery]) -> Expected:
    """STAGE and what the marts are made of. RAW is left out: it may have a content once more or once less."""
    stage: dict[str, dict[tuple[str, ...], tuple[Any, Any]]] = {"sales": {}, "stores": {}}
    for load in loads_in_order_of_arrival(given):
        batch_date = max(each.batch_date for each in given if each.content == load.content)
        for line, row in load.rows:
            version = (batch_date, *load.version.arrival, line)
            known = stage[load.sheet.kind].get(row.key)
            if known is None or version > known[0]:
                stage[load.sheet.kind][row.key] = (version, row)
    return Expected({}, [], stage["sales"], stage["stores"])
