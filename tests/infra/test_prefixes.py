"""What tasks name in the buckets is what the policy of flow runs lets them list, read and write.

The addresses are read from the code's text: a literal that names a bucket, and the constants that go into it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from contracts.catalog import DATASETS
from contracts.marketing.clickstream import CLICKSTREAM
from contracts.marketing.demographics import DEMOGRAPHICS
from deployments import names
from flows import lake_maintenance
from local import resources
from tasks.intake.rules import delivery
from tasks.lake import lake_tables
from tasks.marketing import deliveries
from tasks.publishing import curation
from tasks.serving.endpoint_requests import captured_folder
from tasks.settings import settings
from tests.infra.test_names import declared, stack
from warehouse.account.names import AccountNames

TASKS = Path(__file__).parents[2] / "tasks"
DEPLOY = Path(__file__).parents[2] / "docs" / "deploy.md"
_BUCKETS = {"lake_bucket": "LAKE", "artifacts_bucket": "ARTIFACTS", "inbox_bucket": "INBOX"}
# What stands for the first part of a key where it is no literal: these functions and names are read for theirs,
_KEYS = {"folder": "LAKE", "address": "LAKE", "prefix": "ARTIFACTS"}
# and these are keys that were listed or given, the places of deliveries, and the namespaces of the catalog (named()).
_GIVEN = {"key", "Key", "root", "namespace", "ML"}
_NAMESPACES = (
    lake_tables.CURATED,
    lake_tables.QUARANTINE,
    lake_tables.SILVER,
    lake_tables.GOLD,
    lake_tables.ML,
)


def prefixes_of(source: str) -> set[tuple[str, str]]:
    """(LAKE, mended) of f"s3://{settings().lake_bucket}/mended/{dataset}/"."""
    tree = ast.parse(source)
    known = dict(_constants(tree))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) and (
            address := re.match(r"s3://<(\w+)>/(<?\w+)", _text(node, known))
        ):
            bucket, first = address.groups()
            if not first.startswith("<"):
                found.add((_BUCKETS[bucket], first))
            else:
                assert first.lstrip("<") in {*_KEYS, *_GIVEN}, f"what is {ast.unparse(node)}?"
    keys = ((name, _text(value, known)) for name, value in _named_keys(tree))
    # A delivery's address begins with its dataset's prefix: named().
    return found | {
        (_KEYS[name], key.split("/")[0]) for name, key in keys if not key.startswith(("<", "s3:"))
    }


def _named_keys(tree: ast.Module) -> Iterator[tuple[str, ast.JoinedStr]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name in _KEYS:
            returned = (part.value for part in ast.walk(node) if isinstance(part, ast.Return))
            yield from ((node.name, value) for value in returned if isinstance(value, ast.JoinedStr))
        if isinstance(node, ast.Assign):
            pairs = ((name, value) for name, value in _assigned(node) if name in _KEYS)
            yield from ((name, value) for name, value in pairs if isinstance(value, ast.JoinedStr))


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            pairs = _assigned(node)
            yield from ((name, str(value.value)) for name, value in pairs if isinstance(value, ast.Constant))


def _assigned(node: ast.Assign) -> Iterator[tuple[str, ast.expr]]:
    for target in node.targets:
        match target, node.value:
            case ast.Name(id=name), value:
                yield name, value
            case ast.Tuple(elts=names), ast.Tuple(elts=values):
                yield from ((n.id, v) for n, v in zip(names, values, strict=True) if isinstance(n, ast.Name))


def _text(literal: ast.JoinedStr, known: dict[str, str]) -> str:
    return "".join(_part(value, known) for value in literal.values)


def _part(value: ast.expr, known: dict[str, str]) -> str:
    if isinstance(value, ast.Constant):
        return str(value.value)
    assert isinstance(value, ast.FormattedValue)
    inner = value.value
    if isinstance(inner, ast.Name) and inner.id in known:
        return known[inner.id]
    return f"<{_last_name(inner)}>"


def _last_name(node: ast.expr) -> str:
    match node:
        case ast.Call(func=function):
            return _last_name(function)
        case (
            ast.Attribute(attr=name) | ast.Name(id=name) | ast.Subscript(slice=ast.Constant(value=str(name)))
        ):
            return name
    return ""


def named() -> set[tuple[str, str]]:
    in_text = {found for path in TASKS.rglob("*.py") for found in prefixes_of(path.read_text())}
    # The catalog's namespaces, which curation.location puts in a name's place.
    in_text |= {("LAKE", namespace) for namespace in _NAMESPACES}
    return in_text | {("LAKE", delivery(name).prefix.split("/")[0]) for name in DATASETS}


def allowed(action: str) -> set[tuple[str, str]]:
    """Prefixes of which a flow run may do this to every object."""
    patterns = [
        resource
        for statement in statements_of("highwater-flow-run")
        if action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    ]
    found = {re.match(r".*:::highwater-(\w+)-[^/]*/([^/]+)/", str(p)) for p in patterns}
    return {(m.group(1).upper(), m.group(2)) for m in found if m}


def statements_of(role: str) -> list[dict[str, Any]]:
    (logical,) = [
        name
        for name, resource in stack("access")["Resources"].items()
        if resource["Type"] == "AWS::IAM::Role" and resource["Properties"].get("RoleName") == role
    ]
    kinds = ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
    policies = [p for kind in kinds for p in declared("access", kind) if {"Ref": logical} in p["Roles"]]
    return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


# What partners deliver is read, moved and deleted by the version: its rights are pinned in infra/cdk/tests/test_access.py.
def _ours(prefixes: set[tuple[str, str]]) -> set[tuple[str, str]]:
    return {(bucket, prefix) for bucket, prefix in prefixes if bucket != "INBOX"}


def test_a_flow_run_may_read_what_tasks_name() -> None:
    assert named() - allowed("s3:GetObject") == set()


def test_a_flow_run_may_write_what_tasks_name_but_deliveries_and_models() -> None:
    # The first is written by those who deliver, the others by SageMaker's role: models, and what an endpoint captures.
    for_others = {
        ("LAKE", "raw"),
        *(("ARTIFACTS", name) for name in ("demand_forecast", "churn", "endpoints")),
    }
    assert _ours(named()) - for_others == _ours(allowed("s3:PutObject")) - {("ARTIFACTS", "results")}
    assert allowed("s3:AbortMultipartUpload") == allowed("s3:PutObject")


def test_a_flow_run_may_delete_below_the_tables_of_the_lake_alone() -> None:
    assert _ours(allowed("s3:DeleteObject")) == {
        ("LAKE", namespace) for namespace in lake_maintenance.NAMESPACES
    }


def covers(pattern: str, action: str) -> bool:
    """As IAM compares actions."""
    return fnmatchcase(action.lower(), pattern.lower())


def listable(role: str) -> dict[str, list[str]]:
    """LAKE -> the prefixes with which this role may list the bucket, as patterns."""
    found: dict[str, list[str]] = {}
    for statement in statements_of(role):
        if any(covers(pattern, "s3:ListBucket") for pattern in listed(statement["Action"])):
            (bucket,) = re.findall(r":::highwater-(\w+)-", str(statement["Resource"]))
            found.setdefault(bucket.upper(), []).extend(
                listed(statement["Condition"]["StringLike"]["s3:prefix"])
            )
    return found


def _may_list(role: str, bucket: str, prefix: str) -> bool:
    return any(fnmatchcase(prefix, pattern) for pattern in listable(role).get(bucket, ()))


def test_a_flow_run_may_list_what_tasks_name() -> None:
    """What is read is listed too: otherwise S3 refuses what it should say is missing."""
    patterns = {
        (bucket, pattern.split("/")[0])
        for bucket, some in listable(names.FLOW_RUN).items()
        for pattern in some
    }
    assert named() - patterns == set()
    # Where Prefect keeps results, and the offline store, whose place SageMaker tells.
    assert _ours(patterns) - named() == {("ARTIFACTS", "results"), ("LAKE", names.FEATURE_STORE_FOLDER)}


@pytest.mark.parametrize(
    "address",
    [
        *(f"s3://{settings().lake_bucket}/{delivery(name).root}" for name in DATASETS),
        *(deliveries.folder(dataset, date(2026, 3, 1)) for dataset in (CLICKSTREAM, DEMOGRAPHICS)),
        f"{curation.location('curated', 'sales')}/data/",
        f"{captured_folder()}/{names.ENDPOINT}/{names.CHAMPION}/",
        f"{resources.CUSTOMER_FEATURES.location}/",
        f"s3://{settings().inbox_bucket}/inbox/",
        f"s3://{settings().inbox_bucket}/history/",
    ],
)
def test_a_flow_run_may_list_what_its_code_lists(address: str) -> None:
    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    assert _may_list(names.FLOW_RUN, bucket.removeprefix("highwater-").upper(), prefix)


def test_snowflake_may_list_what_a_deployment_lists_last() -> None:
    """`LIST @stage/curated/` of docs/deploy.md asks S3 with the prefix `curated/`. The stage is the account's."""
    ((stage, prefix),) = re.findall(r"`LIST @<database>\.([\w.]+)/([^`]*)`", DEPLOY.read_text())
    assert f"{resources.WAREHOUSE.name}.{stage}" == AccountNames(resources.WAREHOUSE.name).stage
    assert _may_list(names.SNOWFLAKE, "LAKE", prefix)
    assert not _may_list(names.SNOWFLAKE, "LAKE", "")


@pytest.mark.parametrize("dataset", DATASETS)
def test_snowflake_may_list_what_loads_read(dataset: str) -> None:
    bucket, _, prefix = curation.location("curated", dataset).removeprefix("s3://").partition("/")
    assert bucket == settings().lake_bucket
    assert _may_list(names.SNOWFLAKE, "LAKE", f"{prefix}/data/")


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('f"s3://{settings().lake_bucket}/pond/{day}"', {("LAKE", "pond")}),
        ('POND = "pond/fish"\nf"s3://{settings().lake_bucket}/{POND}/{day}"', {("LAKE", "pond")}),
        ('f"s3://{settings().artifacts_bucket}/pond"', {("ARTIFACTS", "pond")}),
        ('def address(day):\n    return f"pond/{day}.parquet"', {("LAKE", "pond")}),
        ('bucket, prefix = "b", f"pond/{day}"', {("ARTIFACTS", "pond")}),
        ('f"s3://{settings().lake_bucket}/{namespace}/{dataset}"', set()),
    ],
)
def test_a_new_prefix_is_found(source: str, found: set[tuple[str, str]]) -> None:
    assert prefixes_of(source) == found


def test_a_key_of_unknown_making_is_asked_about() -> None:
    with pytest.raises(AssertionError, match="what is"):
        prefixes_of('f"s3://{bucket}/{pond}/{day}"')
