"""What the documents tell people to type exists: deployments and their parameters, modules, make targets, tables, names."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from local.cli import _parser
from tests.deployments.test_prefect_yaml import DEPLOYMENTS, flow_of
from tests.docs.blocks import commands_of

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FLOWS = {f"{flow_of(d).name}/{d['name']}": flow_of(d) for d in DEPLOYMENTS}
_SCHEMAS = "RAW|CURATED|DW|MARTS|ML_OUTPUTS|MONITORING|MIGRATIONS"


def commands() -> Iterator[tuple[str, str]]:
    return ((page.name, command.text) for page in PAGES for command in commands_of(page))


def faults_of(command: str) -> list[str]:
    return [fault for judge in JUDGES for fault in judge(command)]


def _deployment_runs(command: str) -> Iterator[str]:
    if not (found := re.search(r"prefect deployment run (.*)", command)):
        return
    name, *options = shlex.split(found.group(1).split(" #")[0])
    if name not in FLOWS:
        yield f"no deployment {name}"
        return
    types = get_type_hints(FLOWS[name].fn, include_extras=True)
    for given in (value for option, value in zip(options, options[1:], strict=False) if option == "-p"):
        key, _, value = given.partition("=")
        if key not in types:
            yield f"{name} has no parameter {key}"
            continue
        try:
            TypeAdapter(types[key]).validate_python(_read(value))
        except ValidationError as error:
            yield f"{name} {given}: {error.errors()[0]['msg']}"


def _read(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _modules(command: str) -> Iterator[str]:
    for module, rest in re.findall(r"python -m ([\w.]+) *([\w-]*)", command):
        beside = ROOT / "infra" / "cdk" / f"{module.replace('.', '/')}.py"
        package = importlib.util.find_spec(module.split(".")[0])
        if not beside.exists() and (package is None or importlib.util.find_spec(module) is None):
            yield f"no module {module}"
        known = SUBCOMMANDS.get(module)
        if known and rest and rest not in known:
            yield f"{module} has no command {rest}"


def _subcommands() -> dict[str, set[str]]:
    (local,) = (action for action in _parser()._actions if action.dest == "command")
    text = (ROOT / "deployments" / "__main__.py").read_text()
    (choices,) = re.findall(r"choices=\(([^)]*)\)", text)
    return {
        "local": set(local.choices or ()),
        "deployments": set(re.findall(r'"(\w+)"', choices)),
        "warehouse": {"migrate", "rebuild-marts", "rebuild"},
        "tasks.recovery": {"register-table", "restore-object", "copy-rows", "bring-untaken", "note-arrivals"},
    }


SUBCOMMANDS = _subcommands()


def _snippets(command: str) -> Iterator[str]:
    """Python between double quotes: it parses, and what it imports from us is there."""
    for code in re.findall(r'python -c "([^"]*)"', command):
        tree = ast.parse(re.sub(r"<[^>]*>", "0", code))
        ours: dict[str, Any] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                module = importlib.import_module(node.module)
                for alias in node.names:
                    try:
                        made = importlib.import_module(f"{node.module}.{alias.name}")
                    except ImportError:
                        made = getattr(module, alias.name, None)
                    if made is None:
                        yield f"{node.module} has no {alias.name}"
                    ours[alias.asname or alias.name] = made
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                owner = ours.get(node.value.id)
                if owner is not None and not hasattr(owner, node.attr):
                    yield f"{node.value.id} has no {node.attr}"


def _targets(command: str) -> Iterator[str]:
    for directory, target in re.findall(r"(?:^|\s)make (?:-C (\S+) )?([a-z][a-z-]*)", command):
        makefile = (ROOT / directory / "Makefile").read_text()
        if not re.search(rf"^{target}:", makefile, re.MULTILINE):
            yield f"make has no target {target}"


def _tables(command: str) -> Iterator[str]:
    for table in re.findall(rf"\b(?:{_SCHEMAS})\.[A-Z_0-9]+\b", command):
        if table not in TABLES:
            yield f"no table {table}"


def _known_tables() -> set[str]:
    sql = "\n".join(path.read_text() for path in (ROOT / "warehouse").rglob("*.sql"))
    marts_of_dbt = {
        f"MARTS.{path.stem.upper()}" for path in (ROOT / "warehouse/dbt/models").rglob("marts/*.sql")
    }
    # schemachange makes its own table (warehouse/migrate.py).
    named = re.findall(rf"\b(?:{_SCHEMAS})\.[A-Z_0-9]+\b", sql.upper())
    return {*named, *marts_of_dbt, "MIGRATIONS.CHANGE_HISTORY"}


TABLES = _known_tables()


def _names(command: str) -> Iterator[str]:
    """Jobs, buckets, queues, alarms, secrets: each is named somewhere in the stacks, the deployments or the local cloud."""
    for name in re.findall(r"(?<![\w/.-])highwater[-/][a-z]+(?:-[a-z]+)*(?![\w*]|-<|\.)", command):
        if name not in DECLARED:
            yield f"nothing is called {name}"


def _cdk(command: str) -> Iterator[str]:
    """A parameter without its stack is handed to all of them, and without an environment nothing is synthesized."""
    for words in re.findall(r"\bcdk (?:deploy|destroy|diff|bootstrap) (.*)", command):
        if not re.search(rf"-c environment=(?:(?:{ENVIRONMENTS})\b|\$ENVIRONMENT\b)", words):
            yield f"no environment: cdk {words}"
    for given in re.findall(r"--parameters (\S+)", command):
        yield from _parameter(given.partition("=")[0])
    for given in re.findall(r"(?<![\w/-])highwater-[a-z]+:[A-Z]\w+", command):
        yield from _parameter(given)


def _parameter(given: str) -> Iterator[str]:
    stack, _, name = given.rpartition(":")
    if not stack:
        yield f"{name} has no stack"
    elif name not in PARAMETERS.get(stack, ()):
        yield f"{stack} has no parameter {name}"


def _parameters() -> dict[str, set[str]]:
    """Of each stack, in whichever environment it has them."""
    found: dict[str, set[str]] = {}
    for path in (ROOT / "infra" / "cdk" / "snapshots").glob("*.yaml"):
        parameters = yaml.safe_load(path.read_text()).get("Parameters", ())
        found.setdefault(path.stem.removesuffix("-private"), set()).update(parameters)
    return found


PARAMETERS = _parameters()
ENVIRONMENTS = "|".join(
    re.findall(r'name="(\w+)"', (ROOT / "infra" / "cdk" / "highwater_infra" / "environments.py").read_text())
)


def _declared() -> str:
    snapshots = (ROOT / "infra" / "cdk" / "snapshots").glob("*.yaml")
    ours = (ROOT / "local" / "resources.py", ROOT / "deployments" / "names.py")
    sources = [*snapshots, *(ROOT / "infra/cdk/highwater_infra").rglob("*.py"), *ours]
    return "\n".join(path.read_text() for path in sources)


DECLARED = _declared()
JUDGES: tuple[Callable[[str], Iterator[str]], ...] = (
    _deployment_runs,
    _modules,
    _snippets,
    _targets,
    _tables,
    _names,
    _cdk,
)


def test_what_people_are_told_to_type_exists() -> None:
    told = list(commands())
    assert sum("prefect deployment run" in command for _, command in told) >= 4
    assert sum("--parameters highwater-" in command for _, command in told) >= 4
    assert [(page, command, fault) for page, command in told for fault in faults_of(command)] == []


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        ("prefect deployment run cpg-daily/nightly", "no deployment cpg-daily/nightly"),
        ("prefect deployment run cpg-daily/cpg-daily -p day=2025-01-06", "has no parameter day"),
        ("prefect deployment run cpg-backfill/cpg-backfill -p chunk_days=0", "greater than 0"),
        ("python -m warehouses migrate", "no module warehouses"),
        ("python -m local start", "local has no command start"),
        ("python -c \"from tasks import lake; lake.undo('sales')\"", "lake has no undo"),
        ('python -c "from tasks import pond"', "tasks has no pond"),
        ("make deploy-all", "make has no target deploy-all"),
        ("SELECT 1 FROM MONITORING.RUNS", "no table MONITORING.RUNS"),
        ("aws glue get-job --job-name highwater-clean", "nothing is called highwater-clean"),
        ("cdk deploy highwater-access -c environment=prod --parameters SnowflakeUserArn=x", "has no stack"),
        (
            "cdk deploy --all -c environment=prod --parameters highwater-lake:ImageDigest=x",
            "highwater-lake has no parameter ImageDigest",
        ),
        ("give highwater-server:Domains too", "highwater-server has no parameter Domains"),
        ("cdk deploy --all", "no environment"),
        ("cdk diff -c environment=production", "no environment"),
        ("cdk diff -c environment=$ENVIRONMENTS", "no environment"),
    ],
)
def test_what_does_not_exist_is_found(command: str, fault: str) -> None:
    assert any(fault in found for found in faults_of(command)), faults_of(command)


def test_what_an_administrator_makes_says_whose_it_is_and_who_pays() -> None:
    """As the stacks do. A later command that does not name a tag takes it off."""
    pages = [ROOT / "docs" / name for name in ("deploy.md", "operate.md")]
    blocks = [command.text for page in pages for command in commands_of(page) if command.in_block]
    made = [text for text in blocks if text.startswith(("aws cloudformation deploy", "cdk bootstrap"))]
    assert len(made) == 4
    for text in made:
        tags = {name for name in re.findall(r"([a-z-]+)=", text.partition("--tags")[2])}
        assert tags >= {"project", "environment", "owner", "cost-centre"}, text
        assert ("data-class" in tags) == ("highwater-copies" in text), text
