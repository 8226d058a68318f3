"""Who extracts from sources and computes the layers above: flow runs, and the medallion's Glue jobs alone."""

from __future__ import annotations

from deployments import names
from highwater_infra.permissions import glue
from highwater_infra.permissions.statement import SIX_CHARACTERS, Statement, arn, listing, objects, tables_of

_KEYS = "keys hold tables and random folders; the prefix is the boundary"


def flow_run() -> list[Statement]:
    return [
        listing(names.LAKE, *names.MEDALLION),
        Statement(["s3:GetObject"], objects(names.LAKE, *names.MEDALLION), because=_KEYS),
        Statement(
            ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
            objects(names.LAKE, *names.MEDALLION),
            because=f"{_KEYS}; lake-maintenance deletes what no table names",
        ),
        tables_of(*names.MEDALLION),
        glue.jobs(*names.MEDALLION_JOBS),
        Statement(
            ["dynamodb:GetItem", "dynamodb:UpdateItem"], [arn("dynamodb", f"table/{names.WATERMARKS}")]
        ),
        Statement(
            ["secretsmanager:GetSecretValue"],
            [arn("secretsmanager", f"secret:{names.SOURCE_SHOP_SECRET}-??????")],
            because=SIX_CHARACTERS,
        ),
    ]
