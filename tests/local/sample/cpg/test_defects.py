from __future__ import annotations

from collections import Counter
from datetime import date

import pytest

from local.sample.cpg import Profile, Truth
from local.sample.cpg.catalogue import Catalogue
from local.sample.cpg.defects import (
    BROKEN_SALES,
    CONFLICTING,
    CORRECTED,
    CORRECTED_REGION,
    DEFECTS,
    LATE_CUSTOMER,
    LATE_SKU,
    OPTIONAL_UNREADABLE,
    PROMOTION_WITHDRAWN,
    REPEATED,
    STALE,
    STALE_UNDATED,
    Fate,
)  # fmt: skip
from local.sample.cpg.demand import Demand
from local.sample.cpg.promo_calendar import PromoCalendar
from local.sample.cpg.promotions import Plan
from local.sample.cpg.timeline import monday, week_of
from tests.local.sample.cpg.conftest import History, raw_date_of
from tests.local.sample.cpg.platform_rules import Line, newest

SNAPSHOTS = ("promotions", "sku", "geography", "customer")


@pytest.fixture(scope="module", params=["small_history", "demo_sized_history"])
def history(request: pytest.FixtureRequest) -> History:
    found: History = request.getfixturevalue(request.param)
    return found


def test_rules_reject_exactly_what_was_broken_and_for_that_reason(history: History) -> None:
    reasons = {(d.dataset, d.name): d.reason for d in DEFECTS if d.fate is Fate.QUARANTINED}
    for day, lines in history.sales_by_day.items():
        told: Counter[str | None] = Counter()
        for (dataset, raw_date, name), count in history.truth.defects.items():
            if dataset == "sales" and raw_date == day and (dataset, name) in reasons:
                told[reasons[dataset, name]] += count
        assert Counter(line.reason for line in lines if line.reason) == told
        assert len(lines) == history.truth.rows("sales", day)


def test_a_backfill_keeps_one_row_per_key(history: History) -> None:
    sound = [line for lines in history.sales_by_day.values() for line in lines if not line.reason]
    assert len(newest(sound)) == history.truth.keys_of["sales"]
    assert len(sound) - len(newest(sound)) == history.truth.superseded_at_once("sales")


def test_day_by_day_superseded_is_repeats_conflicts_and_stale_versions(history: History) -> None:
    held: dict[tuple[str, str], Line] = {}
    for day, lines in sorted(history.sales_by_day.items()):
        sound = [line for line in lines if not line.reason]
        winners = {
            key: line
            for key, line in newest(sound).items()
            if key not in held or line.version > held[key].version
        }
        held |= winners
        assert len(sound) - len(winners) == history.truth.superseded("sales", day), day
        assert len(winners) == history.truth.published("sales", day)


def test_corrections_win_over_what_they_correct_and_stale_versions_do_not(history: History) -> None:
    days = history.sales_by_day
    first: dict[tuple[str, str], Line] = {}
    replaced = moved = 0
    for _, lines in sorted(days.items()):
        for line in lines:
            if line.reason:
                continue
            original = first.setdefault(line.key, line)
            if line.raw_date > original.raw_date and line.version[0] > original.version[0]:
                moved += line.values["region_code"] != original.values["region_code"]
                replaced += 1
                assert 1 <= (line.raw_date - original.raw_date).days <= 6
    assert replaced == history.truth.count(CORRECTED) + history.truth.count(CORRECTED_REGION)
    assert moved == history.truth.count(CORRECTED_REGION)


def test_rates_are_those_stated(demo_sized_history: History) -> None:
    truth = demo_sized_history.truth
    rows = truth.rows("sales")
    broken = sum(truth.count(defect) for defect in BROKEN_SALES)
    assert broken / rows == pytest.approx(0.015, abs=0.001)
    assert truth.count(REPEATED) / rows == pytest.approx(REPEATED.rate, rel=0.1)
    assert truth.count(CORRECTED) / rows == pytest.approx(CORRECTED.rate, rel=0.2)
    assert truth.count(STALE) + truth.count(STALE_UNDATED) > 20
    assert truth.count(CONFLICTING) > 0
    assert truth.count(OPTIONAL_UNREADABLE) > 0


def test_every_kind_of_broken_line_occurs(demo_sized_history: History) -> None:
    assert [d.name for d in BROKEN_SALES if demo_sized_history.truth.count(d) == 0] == []


def test_no_day_comes_near_the_audits_limits(demo_sized_history: History) -> None:
    truth = demo_sized_history.truth
    for dataset, day in truth.rows_of:
        rows = truth.rows(dataset, day)
        assert truth.quarantined(dataset, day) / rows <= 0.04, (dataset, day)
        if dataset == "sales":
            assert 1050 <= rows <= 1350
            assert truth.defects[dataset, day, REPEATED.name] / rows <= 0.008
        else:
            assert truth.superseded(dataset, day) / rows <= 0.008, (dataset, day)


def test_small_days_get_one_broken_line_at_most_of_forty(small_history: History) -> None:
    truth = small_history.truth
    for day in small_history.sales_by_day:
        of_day = sum(truth.count(defect, day) for defect in BROKEN_SALES)
        assert of_day <= 1
        assert 36 <= truth.rows("sales", day) <= 48


def test_someone_buys_and_something_sells_before_its_master_arrives(small_history: History) -> None:
    truth = small_history.truth
    assert truth.count(LATE_CUSTOMER) >= 3
    assert truth.count(LATE_SKU) >= 3
    first_sale: dict[str, date] = {}
    for day, lines in sorted(small_history.sales_by_day.items()):
        for line in lines:
            if not line.reason:
                first_sale.setdefault(line.values["sku_code"], day)
    first_master: dict[str, date] = {}
    for key, table in sorted(small_history.under("raw/sap/masters/sku/").items()):
        for code in table["sku_code"].to_pylist():
            first_master.setdefault(code.strip().upper(), raw_date_of(key))
    late = {code for code, day in first_sale.items() if day < first_master.get(code, date.max)}
    assert late
    assert all("-L" in code for code in late)
    waits = [(first_master[code] - first_sale[code]).days for code in late if code in first_master]
    assert all(1 <= wait <= 5 for wait in waits)
    assert waits


def test_each_snapshot_is_newer_so_nothing_of_it_is_superseded(history: History) -> None:
    assert [name for name in SNAPSHOTS if history.truth.superseded(name)] == []
    assert all(history.truth.superseded_at_once(name) > 0 for name in SNAPSHOTS)


def test_withdrawn_promotions_leave_the_calendar_before_their_week() -> None:
    """Counted from the snapshots: keys of weeks to come that the next snapshot lacks. Stock and sales,
    which would take longer, are not generated."""
    profile, truth = Profile(date(2024, 9, 30), date(2025, 6, 29)), Truth()
    catalogue = Catalogue(profile)
    plan = Plan(profile, catalogue, week_of(profile.start) - 10, week_of(profile.end) + 22)
    calendar = PromoCalendar(profile, catalogue, plan, Demand(profile, catalogue, plan), truth)
    before: set[tuple[str, ...]] = set()
    gone = 0
    for snapshot in (monday(week) for week in range(week_of(profile.start), week_of(profile.end) + 1)):
        table = calendar.table(snapshot)
        columns = (table[name].to_pylist() for name in ("promo_id", "sku_code", "region_code", "week"))
        now = {tuple(str(value).strip().upper() for value in row) for row in zip(*columns, strict=True)}
        gone += sum(row[3] >= snapshot.isoformat() and not row[0].startswith("PX") for row in before - now)
        before = now
    assert gone == truth.count(PROMOTION_WITHDRAWN) > 0
