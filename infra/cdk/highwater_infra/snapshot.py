"""`make snapshots` writes the templates that CI holds the next synthesis against, for people to review."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any, Final

import yaml

HOME: Final = Path(__file__).resolve().parents[1]
SNAPSHOTS: Final = HOME / "snapshots"
_ASSET = re.compile(r"\b[0-9a-f]{64}\b")
# Said by every CDK template alike.
_OF_CDK = ("Rules", "Metadata")


def taken(template: dict[str, Any]) -> str:
    """Without what changes with the code of the jobs, and without what every template of CDK says."""
    content = {part: value for part, value in template.items() if part not in _OF_CDK}
    content.get("Parameters", {}).pop("BootstrapVersion", None)
    for resource in content["Resources"].values():
        resource.pop("Metadata", None)
    text = yaml.safe_dump(_short(content), sort_keys=False, width=140, default_flow_style=None)
    return _ASSET.sub("<content>", text)


def _short(value: Any) -> Any:
    """Joined text in one line: `arn:${AWS::Partition}:...` instead of a list of its parts."""
    if isinstance(value, list):
        return [_short(item) for item in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"Fn::Join": ["", [*parts]]}:
            return "".join(_reference(_short(part)) for part in parts)
    return {name: _short(item) for name, item in value.items()}


def _reference(part: Any) -> str:
    match part:
        case {"Ref": name} | {"Fn::ImportValue": name}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"${{{name}.{attribute}}}"
    return part if isinstance(part, str) else json.dumps(part)


def templates(assembly: Path) -> dict[str, dict[str, Any]]:
    suffix = ".template.json"
    return {
        path.name.removesuffix(suffix): json.loads(path.read_text())
        for path in sorted(assembly.glob(f"*{suffix}"))
    }


def snapshots(production: Path, private: Path) -> dict[str, str]:
    """Every stack of production; the one that only an account with a Prefect server of its own has, and its network, whose
    endpoints have policies."""
    chosen, others = templates(production), templates(private)
    chosen["highwater-network-private"] = others["highwater-network"]
    chosen |= {name: content for name, content in others.items() if name not in chosen}
    return {name: taken(content) for name, content in chosen.items()}


def main() -> None:
    wanted = snapshots(HOME / "cdk.out", HOME / "cdk.out.private")
    SNAPSHOTS.mkdir(exist_ok=True)
    for stale in SNAPSHOTS.glob("*.yaml"):
        if stale.stem not in wanted:
            stale.unlink()
    for name, text in wanted.items():
        (SNAPSHOTS / f"{name}.yaml").write_text(text)
    sys.stdout.write(f"{len(wanted)} templates written to {SNAPSHOTS}: review the diff\n")


if __name__ == "__main__":
    main()
