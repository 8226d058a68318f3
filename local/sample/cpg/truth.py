"""The expected figures: what was generated, for comparison with the platform's results."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from local.sample.cpg.defects import DEFECTS, Defect, Fate

_FATES = {(defect.dataset, defect.name): defect.fate for defect in DEFECTS}


@dataclass
class Truth:
    """Counts per dataset and raw date. The raw date of a market week is its Sunday."""

    rows_of: Counter[tuple[str, date]] = field(default_factory=Counter)
    defects: Counter[tuple[str, date, str]] = field(default_factory=Counter)
    keys_of: Counter[str] = field(default_factory=Counter)
    """Number of distinct keys with a valid row in all deliveries."""

    def note(self, raw_date: date, counts: Mapping[Defect, int]) -> None:
        for defect, rows in counts.items():
            if rows:
                self.defects[defect.dataset, raw_date, defect.name] += rows

    def rows(self, dataset: str, raw_date: date | None = None) -> int:
        return sum(
            n for (name, day), n in self.rows_of.items() if name == dataset and raw_date in (None, day)
        )

    def count(self, defect: Defect, raw_date: date | None = None) -> int:
        return sum(
            n
            for (dataset, day, name), n in self.defects.items()
            if (dataset, name) == (defect.dataset, defect.name) and raw_date in (None, day)
        )

    def quarantined(self, dataset: str, raw_date: date | None = None) -> int:
        return self._of_fate(Fate.QUARANTINED, dataset, raw_date)

    def superseded(self, dataset: str, raw_date: date | None = None) -> int:
        """Superseded rows if raw dates are run in order. Zero for snapshots, as each is newer than the previous one."""
        return self._of_fate(Fate.SUPERSEDED, dataset, raw_date)

    def published(self, dataset: str, raw_date: date | None = None) -> int:
        """Published rows if raw dates are run in order."""
        lost = self.quarantined(dataset, raw_date) + self.superseded(dataset, raw_date)
        return self.rows(dataset, raw_date) - lost

    def superseded_at_once(self, dataset: str) -> int:
        """Superseded rows if one backfill reads everything: one row per key is kept."""
        return self.rows(dataset) - self.quarantined(dataset) - self.keys_of[dataset]

    def _of_fate(self, fate: Fate, dataset: str, raw_date: date | None) -> int:
        return sum(
            n
            for (name, day, defect), n in self.defects.items()
            if name == dataset and raw_date in (None, day) and _FATES[name, defect] is fate
        )

    def to_json(self) -> str:
        return json.dumps(
            {
                "rows_of": [[name, day.isoformat(), n] for (name, day), n in sorted(self.rows_of.items())],
                "defects": [
                    [name, day.isoformat(), d, n] for (name, day, d), n in sorted(self.defects.items())
                ],
                "keys_of": dict(sorted(self.keys_of.items())),
            },
            indent=0,
        )

    @classmethod
    def from_json(cls, text: str) -> Truth:
        stored = json.loads(text)
        return cls(
            Counter({(name, date.fromisoformat(day)): n for name, day, n in stored["rows_of"]}),
            Counter({(name, date.fromisoformat(day), d): n for name, day, d, n in stored["defects"]}),
            Counter(stored["keys_of"]),
        )
