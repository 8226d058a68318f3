"""Features of past days that nobody noted then, computed from silver as it is now."""

from __future__ import annotations

from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from contracts.shop.ml_features import ML_FEATURES
from jobs.glue.shop.ml_features import ml_features

_KEY, _DAY = "customer_key", "as_of"
_MOMENTS = {"order_ts", "effective_at", "expired_at"}
_DATES = {"created_date"}


def reconstructed(facts: DataFrame, customers: DataFrame, asked: DataFrame, latest: date) -> DataFrame:
    """The rows of ml_features(facts, customers, as_of) for each (customer_key, as_of) of `asked`; no day is after `latest`.

    All days at once: of each day, the customer is another customer, and all that happened is put off by as many days as
    the day is before `latest`. Features know only how long ago something was.
    """
    features = ml_features(_put_off(facts, asked, latest), _put_off(customers, asked, latest), latest)
    own = {_KEY: f"{_KEY}.{_KEY}", "analysis_date": f"{_KEY}.{_DAY} AS analysis_date"}
    return features.selectExpr(*(own.get(name, name) for name in ML_FEATURES.names))


def _put_off(rows: DataFrame, asked: DataFrame, latest: date) -> DataFrame:
    days = f"datediff(DATE'{latest}', {_DAY})"
    changed = {_KEY: F.struct(_KEY, _DAY)}
    changed |= {name: F.expr(f"{name} + make_dt_interval({days})") for name in _MOMENTS & {*rows.columns}}
    changed |= {name: F.expr(f"date_add({name}, {days})") for name in _DATES & {*rows.columns}}
    return rows.join(asked.select(_KEY, _DAY), _KEY).withColumns(changed).drop(_DAY)
