"""What the demand features are to be made from: the files of named Iceberg snapshots, and how far to look ahead."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, timedelta

from jobs.glue.errors import DataError

EPOCH = date(1970, 1, 5)
"""A Monday: weeks are counted from it, so that a distance in weeks is a difference of two numbers."""
MINIMUM_WEEKS = 60
MOST_HORIZON_WEEKS = 26
"""What is known of a week from the year before it must be known before the forecast is made."""
HISTORY_WEEKS = 312
"""As far back as anything looks: 104 weeks of origins to learn from, three origins of the backtest and a calibration of the
longest horizon each, and 104 weeks of features before the first of them. Older sales are counted and left out."""
TABLES = ("sales", "inventory", "promotions", "sku", "geography")


def week_number(day: date) -> int:
    return (day - EPOCH).days // 7


def monday_of(number: int) -> date:
    return EPOCH + timedelta(weeks=number)


@dataclass(frozen=True)
class FeatureWork:
    run_id: str
    as_of: date
    horizon_weeks: int
    output: str
    tables: dict[str, tuple[str, ...]]
    minimum_weeks: int = MINIMUM_WEEKS

    @property
    def first_forecast_week(self) -> int:
        """The first week that starts on or after `as_of`."""
        return week_number(self.as_of + timedelta(days=6))

    @property
    def last_forecast_week(self) -> int:
        return self.first_forecast_week + self.horizon_weeks - 1

    @property
    def first_history_week(self) -> int:
        return week_number(self.as_of) - HISTORY_WEEKS

    def files(self, table: str) -> tuple[str, ...]:
        return self.tables.get(table, ())


def parse(text: str, origin: str) -> FeatureWork:
    try:
        document = json.loads(text)
        tables = {name: tuple(entry["files"]) for name, entry in document["tables"].items()}
        work = FeatureWork(
            run_id=document["run_id"],
            as_of=date.fromisoformat(document["as_of"]),
            horizon_weeks=int(document["horizon_weeks"]),
            output=document["output"].rstrip("/"),
            tables=tables,
            minimum_weeks=int(document.get("minimum_weeks", MINIMUM_WEEKS)),
        )
    except KeyError as error:
        raise DataError(f"manifest {origin} lacks the field {error}") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise DataError(f"manifest {origin} cannot be read: {error}") from error
    _check(work, origin)
    return work


def _check(work: FeatureWork, origin: str) -> None:
    if unknown := sorted(set(work.tables) - set(TABLES)):
        raise DataError(f"manifest {origin} names unknown tables: {', '.join(unknown)}")
    if not work.files("sales"):
        raise DataError(f"manifest {origin} names no file of sales: there is no history to forecast from")
    if not 1 <= work.horizon_weeks <= MOST_HORIZON_WEEKS:
        raise DataError(
            f"manifest {origin} asks for {work.horizon_weeks} weeks; 1 to {MOST_HORIZON_WEEKS} are possible"
        )
