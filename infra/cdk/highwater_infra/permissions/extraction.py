"""Who extracts from sources: flow runs alone, as bronze holds personal data."""

from __future__ import annotations

from deployments import names
from highwater_infra.permissions.statement import SIX_CHARACTERS, Statement, arn, objects, tables_of

_KEYS = "keys hold entities and random folders; the prefix is the boundary"


def flow_run() -> list[Statement]:
    return [
        Statement(["s3:GetObject"], objects(names.LAKE, names.BRONZE), because=_KEYS),
        Statement(
            ["s3:PutObject", "s3:AbortMultipartUpload"], objects(names.LAKE, names.BRONZE), because=_KEYS
        ),
        tables_of(names.BRONZE),
        Statement(
            ["dynamodb:GetItem", "dynamodb:UpdateItem"], [arn("dynamodb", f"table/{names.WATERMARKS}")]
        ),
        Statement(
            ["secretsmanager:GetSecretValue"],
            [arn("secretsmanager", f"secret:{names.SOURCE_SHOP_SECRET}-??????")],
            because=SIX_CHARACTERS,
        ),
    ]
