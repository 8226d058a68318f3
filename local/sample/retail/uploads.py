"""What partners upload over some days, in order, with how each file must end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from local.sample.retail.partners import PARTNERS, Partner
from local.sample.retail.sheet import Sheet
from local.sample.retail.trade import Sale, Store, sales, stores

FIRST_DAY = date(2025, 1, 6)
LOADED, UNCHANGED, REFUSED = "loaded", "unchanged", "refused"
_NORTH, _EAST = PARTNERS[0], PARTNERS[2]
_FEWEST_DAYS = 3
_BROKEN_DAY_OF = 5
_REFUSED_OF = 8


@dataclass(frozen=True)
class Expected:
    """A file's end. records = header_lines + rows_loaded + rows_quarantined + blank_lines; None where it is not read."""

    status: str
    records: int | None = None
    header_lines: int | None = None
    rows_loaded: int | None = None
    rows_quarantined: int | None = None
    blank_lines: int | None = None


@dataclass(frozen=True)
class Upload:
    """An object for the inbox. `wave`: uploads of a wave must arrive after all of the wave before. S3 dates them to the
    second, and of two versions of one second nobody can tell the later. `rows`: what is loaded of it."""

    key: str
    body: bytes = field(repr=False)
    expected: Expected
    batch_date: date | None = None
    wave: int = 1
    rows: tuple[Sale | Store, ...] = field(default=(), repr=False)


def uploads(seed: int = 1, days: int = 7) -> list[Upload]:
    """All files of the days in the order of their upload. The same seed and days give the same bytes."""
    if days < _FEWEST_DAYS:
        raise ValueError(f"{days} days are too few for all defects: at least {_FEWEST_DAYS} are needed")
    every_day = [FIRST_DAY + timedelta(days=number) for number in range(days)]
    return [*_first_wave(every_day, seed), *_second_wave(every_day, seed)]


def _first_wave(every_day: list[date], seed: int) -> Iterator[Upload]:
    for partner in PARTNERS:
        yield _stores(partner, every_day[0], _known_at_first(partner))
    for partner in PARTNERS:
        for first in range(0, len(every_day), partner.every):
            yield _loaded(partner, "sales", *_sales(partner, every_day[first : first + partner.every], seed))
    yield _refused_for_its_rows(every_day[1], seed)
    impossible = _sales(_NORTH, every_day[:1], seed)[1]
    yield Upload(f"inbox/sales_{FIRST_DAY:%Y}0230.csv", impossible.body(), Expected(REFUSED))
    yield Upload(f"inbox/empty/sales_{every_day[2]:%Y%m%d}.csv", b"", Expected(REFUSED))


def _second_wave(every_day: list[date], seed: int) -> Iterator[Upload]:
    """A correction, a file sent twice, and the store whose sales came before it."""
    first, second = every_day[:2]
    yield _correction(first, seed)
    day, sheet = _sales(_NORTH, [second], seed)
    again = _ended(sheet, UNCHANGED)
    yield Upload(f"inbox/sales_{day:%Y%m%d}_copy.csv", sheet.body(), again, day, wave=2)
    yield _stores(_NORTH, every_day[-1], stores(_NORTH.group)[-1:], wave=2)


def _known_at_first(partner: Partner) -> list[Store]:
    found = stores(partner.group)
    return found[:-1] if partner == _NORTH else found


def _sales(partner: Partner, days: list[date], seed: int) -> tuple[date, Sheet]:
    """A file of some days. Every fifth day of a store starts with a broken sale, and the last line is blank."""
    sheet = Sheet(partner, "sales")
    for day in days:
        for store in stores(partner.group):
            found = sales(store, day, seed)
            broken = int((int(store.token) + day.day) % _BROKEN_DAY_OF == 0)
            sheet.broken(found[:broken])
            sheet.sales(found[broken:])
    sheet.blank()
    return days[-1], sheet


def _stores(partner: Partner, day: date, found: list[Store], wave: int = 1) -> Upload:
    sheet = Sheet(partner, "stores")
    sheet.stores(found)
    return _loaded(partner, "stores", day, sheet, wave)


def _correction(day: date, seed: int) -> Upload:
    """The first file of the north again: each store's first ten sales cost more, and the rest are not in it."""
    sheet = Sheet(_NORTH, "sales")
    for store in stores(_NORTH.group):
        sheet.sales(sale.corrected() for sale in sales(store, day, seed)[:10])
    return _loaded(_NORTH, "sales", day, sheet, wave=2)


def _refused_for_its_rows(day: date, seed: int) -> Upload:
    """A file of which a row in eight is broken."""
    sheet = Sheet(_EAST, "sales")
    for store in stores(_EAST.group):
        found = sales(store, day, seed + 1)
        sheet.broken(found[: len(found) // _REFUSED_OF])
        sheet.sales(found[len(found) // _REFUSED_OF :])
    expected = _ended(sheet, REFUSED)
    return Upload(f"inbox/till 9/{day.strftime(_EAST.names['sales'])}", sheet.body(), expected, day)


def _loaded(partner: Partner, kind: str, day: date, sheet: Sheet, wave: int = 1) -> Upload:
    key = f"inbox/{day.strftime(partner.names[kind])}"
    return Upload(key, sheet.body(), _ended(sheet, LOADED), day, wave, tuple(sheet.rows))


def _ended(sheet: Sheet, status: str) -> Expected:
    """Of a refused file no row is loaded: all count as quarantined."""
    lost = len(sheet.rows) if status == REFUSED else 0
    return Expected(
        status=status,
        records=sheet.records,
        header_lines=sheet.header_lines,
        rows_loaded=len(sheet.rows) - lost,
        rows_quarantined=sheet.quarantined + lost,
        blank_lines=sheet.blank_lines,
    )
