"""STAGE: of each key, the row with the greatest version. What the marts will miss is recorded before each MERGE."""

from __future__ import annotations

import json
from collections.abc import Collection

from contracts.language.dataset import Dataset
from warehouse.load.merge import merge_text, same_key
from warehouse.load.retail.loads import raw_table
from warehouse.load.retail.versions import VERSION, greatest, outranks
from warehouse.records import bound_rows
from warehouse.statement import Statement

_DAY = {"sales": "{row}.transaction_time::DATE", "stores": "NULL::DATE"}
_NOT_SHOWN = {"user_role"}
"""Columns that no mart shows: a change of them alone is none to a mart."""


def merge_stage(dataset: Dataset, load_ids: Collection[str]) -> list[Statement]:
    """Merge new loads. STAGE has the greatest version of all others, so that only their own rows have to be read."""
    return _statements(dataset, load_ids, _rows_of_loads(dataset), outranks("src", "tgt"))


def restage(dataset: Dataset, load_ids: Collection[str]) -> list[Statement]:
    """Merge loads that were redated: a row of any load may now be the greatest of a key of theirs."""
    differs = _differs([column for column in _columns(dataset) if column not in dataset.key])
    return _statements(dataset, load_ids, _rows_of_their_keys(dataset), f"({differs})")


def _statements(dataset: Dataset, load_ids: Collection[str], rows: str, replaces: str) -> list[Statement]:
    source = greatest(rows, dataset.key)
    merge = merge_text(_table(dataset), source, dataset.key, _columns(dataset), newer=replaces)
    bound = (json.dumps([{"load_id": load_id} for load_id in sorted(set(load_ids))]),)
    return [
        Statement("record what the marts will miss", _changes_text(dataset, source, replaces), bound),
        Statement(f"merge {dataset.name}", merge, bound),
    ]


def _table(dataset: Dataset) -> str:
    return f"STAGE.{dataset.name.upper()}"


def _columns(dataset: Dataset) -> list[str]:
    return [*dataset.names, *VERSION, "load_id"]


def _rows_of_loads(dataset: Dataset) -> str:
    return f"""SELECT {", ".join(f"raw.{column}" for column in _columns(dataset))}
    FROM {raw_table(dataset)} raw
    JOIN (
        {bound_rows({"load_id": "VARCHAR"})}
    ) loads ON loads.load_id = raw.load_id"""


def _rows_of_their_keys(dataset: Dataset) -> str:
    return f"""SELECT {", ".join(f"raw.{column}" for column in _columns(dataset))}
    FROM {raw_table(dataset)} raw
    JOIN (
        SELECT DISTINCT {", ".join(f"theirs.{column}" for column in dataset.key)}
        FROM {raw_table(dataset)} theirs
        JOIN (
            {bound_rows({"load_id": "VARCHAR"})}
        ) loads ON loads.load_id = theirs.load_id
    ) touched ON {same_key(dataset.key, "raw", "touched")}"""


def _changes_text(dataset: Dataset, source: str, replaces: str) -> str:
    """The days of a sale before and after its change; of a store, a row without a day. Each once, however often sent."""
    day = _DAY[dataset.name]
    shown = [column for column in dataset.names if column not in _NOT_SHOWN and column not in dataset.key]
    return f"""INSERT INTO STAGE.RETAIL_CHANGES (store_token, day)
WITH changed AS (
    SELECT src.store_token, {day.format(row="src")} AS day, {day.format(row="tgt")} AS day_before
    FROM (
    {source}
    ) src
    LEFT JOIN {_table(dataset)} tgt ON {same_key(dataset.key)}
    WHERE tgt.store_token IS NULL OR ({replaces} AND ({_differs(shown)}))
),
days AS (
    SELECT store_token, day FROM changed
    UNION
    SELECT store_token, day_before FROM changed WHERE day_before IS NOT NULL
)
SELECT store_token, day FROM days
EXCEPT
SELECT store_token, day FROM STAGE.RETAIL_CHANGES"""


def _differs(columns: Collection[str]) -> str:
    return " OR ".join(f"tgt.{column} IS DISTINCT FROM src.{column}" for column in columns)
