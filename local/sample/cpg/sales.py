"""The sales files of a day: its lines, late versions of lines of earlier days, and all known defects."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from local.sample.cpg.assortment import REGIONS
from local.sample.cpg.catalogue import Catalogue
from local.sample.cpg.customers import MANAGERS, NEWCOMER_WEEKDAY, newcomer_id
from local.sample.cpg.defects import (
    BROKEN_CORRECTION,
    BROKEN_SALES,
    BROKEN_SALES_RATE,
    CHANNEL_SPELLINGS,
    CODE_SPELLINGS,
    CONFLICTING,
    CORRECTED,
    CORRECTED_REGION,
    LATE_CUSTOMER,
    LATE_SALES,
    LATE_SKU,
    MOST_BROKEN_ROWS,
    OPTIONAL_UNREADABLE,
    REPEATED,
    STALE_UNDATED,
    TIME_SPELLINGS,
    WHOLE_NUMBER_SPELLINGS,
    Defect,
    how_many,
)  # fmt: skip
from local.sample.cpg.orders import Lines
from local.sample.cpg.profile import Profile
from local.sample.cpg.sheet import Cell, Sheet
from local.sample.cpg.timeline import Stream, day_number, rng
from local.sample.cpg.truth import Truth

TYPES: dict[str, pa.DataType] = {
    "order_id": pa.string(), "sku_code": pa.string(), "customer_id": pa.string(), "region_code": pa.string(),
    "quantity": pa.int64(), "net_revenue": pa.float64(), "order_date": pa.date32(), "channel": pa.string(),
    "gross_revenue": pa.float64(), "trade_discount": pa.float64(), "cost_of_goods": pa.float64(),
    "is_promo_sale": pa.bool_(), "promo_id": pa.string(), "changed_at": pa.string(),
}  # fmt: skip
OPTIONAL = ("gross_revenue", "trade_discount", "cost_of_goods", "is_promo_sale", "promo_id", "changed_at")
ALL_TEXT = frozenset(TYPES)
DATES_AS_TEXT = frozenset({"order_date"})
TYPED: frozenset[str] = frozenset()
MONEY = ("net_revenue", "gross_revenue", "trade_discount", "cost_of_goods")
LATEST_DELIVERY_DAYS = 6

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """The format of one file of a day."""

    text: frozenset[str]
    lacks: str | None = None
    has_extra: bool = False


def parts_of(day: date) -> tuple[Part, ...]:
    """The files of a day: usually one, on some days two with different formats. Late versions go to the last file."""
    number = day_number(day)
    usual = (ALL_TEXT, DATES_AS_TEXT, TYPED)[number % 3]
    if number % 11 == 3:
        return Part(usual, lacks=OPTIONAL[number // 11 % len(OPTIONAL)]), Part(usual)
    if number % 13 == 5:
        return Part(ALL_TEXT), Part(TYPED)
    return (Part(usual, has_extra=number % 17 == 4),)


class SalesDesk:
    """Writes the sales files. Days must be requested in order, as late versions are kept until their delivery."""

    def __init__(self, profile: Profile, catalogue: Catalogue, truth: Truth) -> None:
        self._profile, self._catalogue, self._truth = profile, catalogue, truth
        self._region_codes = [place.code for place in REGIONS[: profile.regions]]
        self._late: dict[date, list[tuple[Defect, Lines]]] = {}

    def files(self, day: date, lines: Lines) -> list[pa.Table]:
        draw = rng(self._profile.seed, Stream.SALES_DEFECTS, day_number(day))
        parts = parts_of(day)
        part_of = self._part_of(lines, len(parts))
        picked = _Picks(draw.permutation(len(part_of)), part_of == len(parts) - 1)
        pieces, part_pieces = [lines], [part_of]
        for defect in (REPEATED, CONFLICTING):
            rows = picked.take(how_many(defect.rate, len(part_of), draw))
            pieces.append(
                _another_quantity(_take(lines, rows), draw) if defect is CONFLICTING else _take(lines, rows)
            )
            part_pieces.append(part_of[rows])
            self._truth.note(day, {defect: len(rows)})
        for defect, late in self._late.pop(day, []):
            pieces.append(late)
            part_pieces.append(np.full(len(late["order_id"]), len(parts) - 1))
            self._truth.note(day, {defect: len(late["order_id"])})
        self._schedule(day, lines, picked, draw)
        sheet = Sheet(TYPES, _joined(pieces))
        part_of = np.concatenate(part_pieces)
        broken = self._break(day, sheet, picked, parts, part_of, draw)
        self._truth.keys_of["sales"] += len(lines["order_id"]) - len(broken)
        self._truth.note(day, self._late_masters(day, lines, broken))
        self._truth.rows_of["sales", day] += sheet.rows
        _respell(sheet, parts, part_of, draw)
        shuffled = draw.permutation(sheet.rows)
        return [
            sheet.table(shuffled[part_of[shuffled] == number], part.text, part.lacks, _extra(sheet, part))
            for number, part in enumerate(parts)
        ]

    def _part_of(self, lines: Lines, parts: int) -> Rows:
        """The file of each line. All lines of an order are in the same file."""
        return np.array([int(order[-1]) % parts for order in lines["order_id"]], dtype=np.int64)

    def _schedule(self, day: date, lines: Lines, picked: _Picks, draw: np.random.Generator) -> None:
        for defect in LATE_SALES:
            rows = picked.take_dated(how_many(defect.rate, len(lines["order_id"]), draw))
            for row in rows:
                arrives = day + timedelta(days=int(draw.integers(1, LATEST_DELIVERY_DAYS + 1)))
                version = self._late_version(defect, _take(lines, np.array([row])), arrives, draw)
                self._late.setdefault(arrives, []).append((defect, version))

    def _late_version(self, defect: Defect, line: Lines, arrives: date, draw: np.random.Generator) -> Lines:
        newer = np.array([np.datetime64(arrives, "s") + np.timedelta64(int(draw.integers(16, 18)), "h")])
        older = line["changed_at"].astype("datetime64[s]") - np.timedelta64(int(draw.integers(1, 20)), "h")
        if defect is CORRECTED_REGION:
            others = [code for code in self._region_codes if code != line["region_code"][0]]
            return {
                **line,
                "region_code": np.array([str(draw.choice(others))], dtype=object),
                "changed_at": newer,
            }
        if defect is BROKEN_CORRECTION:
            return {**line, "quantity": np.array([-5]), "changed_at": newer}
        changed_at = newer if defect is CORRECTED else older
        if defect is STALE_UNDATED:
            changed_at = np.array(["NaT"], dtype="datetime64[s]")
        return {**_another_quantity(line, draw), "changed_at": changed_at}

    def _late_masters(self, day: date, lines: Lines, broken: Rows) -> dict[Defect, int]:
        """Count the valid lines whose customer or SKU is not yet in any master snapshot."""
        sound = np.ones(len(lines["order_id"]), dtype=np.bool_)
        sound[broken] = False
        snapshot = day - timedelta(days=day.weekday())
        launched = [
            sku.code
            for slot in self._catalogue.slots
            if (sku := self._catalogue.sku_in(slot, day)) and sku.launch > snapshot
        ]
        newcomer = newcomer_id(snapshot) if day.weekday() >= NEWCOMER_WEEKDAY else None
        return {
            LATE_CUSTOMER: int((sound & (lines["customer_id"] == newcomer)).sum()),
            LATE_SKU: int((sound & np.isin(lines["sku_code"].astype(str), launched)).sum()),
        }

    def _break(
        self,
        day: date,
        sheet: Sheet,
        picked: _Picks,
        parts: tuple[Part, ...],
        part_of: Rows,
        draw: np.random.Generator,
    ) -> Rows:
        base = len(picked)
        rows = picked.take(how_many(BROKEN_SALES_RATE, base, draw, MOST_BROKEN_ROWS))
        turn = day_number(day) * 7
        for number, row in enumerate(rows):
            part = parts[part_of[row]]
            kinds = [k for k in BROKEN_SALES if k.needs_text is None or k.needs_text in part.text]
            kind = kinds[(turn + number) % len(kinds)]
            column, cell = _broken_cell(kind.name, day, sheet, int(row), number)
            sheet.put(column, int(row), cell)
            self._truth.note(day, {kind: 1})
        unreadable = picked.take(how_many(OPTIONAL_UNREADABLE.rate, base, draw))
        for row in unreadable:
            part = parts[part_of[row]]
            if "gross_revenue" in part.text and part.lacks != "gross_revenue":
                sheet.put("gross_revenue", int(row), "n/a")
                self._truth.note(day, {OPTIONAL_UNREADABLE: 1})
        return rows


class _Picks:
    """Picks rows of a day at random, each at most once, so that no row has more than one defect."""

    def __init__(self, shuffled: Rows, is_dated: NDArray[np.bool_]) -> None:
        self._dated = list(shuffled[is_dated[shuffled]])
        self._others = list(shuffled[~is_dated[shuffled]])
        self._rows = len(shuffled)

    def __len__(self) -> int:
        return self._rows

    def take(self, rows: int) -> Rows:
        half = rows // 2 if self._others else 0
        return np.array(
            [*self._pop(self._others, half), *self._pop(self._dated, rows - half)], dtype=np.int64
        )

    def take_dated(self, rows: int) -> Rows:
        """Pick rows of the file that always has changed_at, by which versions are compared."""
        return np.array(self._pop(self._dated, rows), dtype=np.int64)

    def _pop(self, pool: list[np.int64], rows: int) -> list[np.int64]:
        taken, pool[:] = pool[:rows], pool[rows:]
        return taken


def _take(lines: Lines, rows: Rows) -> Lines:
    return {name: values[rows] for name, values in lines.items()}


def _joined(pieces: list[Lines]) -> Lines:
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}


def _another_quantity(lines: Lines, draw: np.random.Generator) -> Lines:
    before = lines["quantity"].astype(np.int64)
    after = np.maximum(1, np.round(before * draw.uniform(0.6, 1.3, len(before))).astype(np.int64))
    after = np.where(after == before, before + 1, after)
    scaled = {name: np.round(lines[name].astype(np.float64) * after / before, 2) for name in MONEY}
    return {**lines, **scaled, "quantity": after}


def _broken_cell(kind: str, day: date, sheet: Sheet, row: int, number: int) -> tuple[str, Cell]:
    quantity, revenue = int(sheet.columns["quantity"][row]), float(sheet.columns["net_revenue"][row])
    broken: dict[str, tuple[str, Cell]] = {
        "missing_order_id": ("order_id", None),
        "blank_sku_code": ("sku_code", "   "),
        "missing_customer_id": ("customer_id", None),
        "blank_region_code": ("region_code", ""),
        "missing_channel": ("channel", None),
        "missing_quantity": ("quantity", None),
        "missing_net_revenue": ("net_revenue", None),
        "missing_order_date": ("order_date", None),
        "unknown_channel": ("channel", "door to door"),
        "zero_quantity": ("quantity", 0),
        "negative_quantity": ("quantity", -quantity),
        "fraction_quantity": ("quantity", f"{quantity}.5"),
        "text_quantity": ("quantity", f"{quantity} pcs"),
        "zero_revenue": ("net_revenue", 0.0),
        "negative_revenue": ("net_revenue", -revenue),
        "nan_revenue": ("net_revenue", float("nan")),
        "text_amount": ("net_revenue", f"{revenue:.2f}".replace(".", ",")),
        "future_order_date": ("order_date", day + timedelta(days=1 + number % 30)),
        "impossible_date": ("order_date", f"{day.year}-02-30"),
        "foreign_date": ("order_date", f"{day:%d/%m/%Y}"),
        "bad_sku_code": ("sku_code", f"SKU/{number}"),
        "bad_region_code": ("region_code", "??"),
    }
    return broken[kind]


def _respell(sheet: Sheet, parts: tuple[Part, ...], part_of: Rows, draw: np.random.Generator) -> None:
    def some(share: float) -> list[int]:
        return [int(row) for row in draw.integers(0, sheet.rows, how_many(share, sheet.rows, draw))]

    for column in ("sku_code", "region_code"):
        sheet.respell(column, some(CODE_SPELLINGS), how=int(draw.integers(0, 3)))
    for row in some(CHANNEL_SPELLINGS):
        words = str(sheet.columns["channel"][row]).replace("_", " ")
        spelling = (words.title(), words.replace(" ", "-"), f" {words.upper().replace(' ', '_')} ")[row % 3]
        if not sheet.is_put("channel", row):
            sheet.put("channel", row, spelling)
    for row in some(WHOLE_NUMBER_SPELLINGS):
        if "quantity" in parts[part_of[row]].text and not sheet.is_put("quantity", row):
            sheet.put("quantity", row, f"{sheet.columns['quantity'][row]}.0")
    for row in some(TIME_SPELLINGS):
        moment = sheet.columns["changed_at"][row]
        if not np.isnat(moment):
            india = moment + np.timedelta64(330, "m")
            sheet.put("changed_at", row, f"{india}+05:30" if row % 2 else f"{moment}Z")


def _extra(sheet: Sheet, part: Part) -> dict[str, NDArray[np.object_]] | None:
    if not part.has_extra:
        return None
    sellers = np.array(MANAGERS, dtype=object)
    orders = sheet.columns["order_id"]
    return {"sales_rep": sellers[[int(str(order)[-5:]) % len(sellers) for order in orders]]}
