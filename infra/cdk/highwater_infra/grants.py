"""What a policy of bootstrap/policies.yaml grants, answered as IAM does for policies that only allow. For the tests."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import yaml

from highwater_infra.resolved import PSEUDO, resolved

TEMPLATE: Final = Path(__file__).parents[1] / "bootstrap" / "policies.yaml"


@dataclass(frozen=True)
class Policy:
    document: dict[str, Any]

    def grants(self, action: str, resource: str | None = None, **context: str) -> bool:
        """Without a resource: on any at all. The context's keys are without their service: ViaService=... The region is the
        stacks', unless another is requested."""
        context = {"RequestedRegion": PSEUDO["AWS::Region"], **context}
        return any(
            any(fnmatchcase(action.lower(), known.lower()) for known in _listed(statement["Action"]))
            and (resource is None or any(fnmatchcase(resource, r) for r in _listed(statement["Resource"])))
            and _met(statement.get("Condition", {}), context)
            for statement in self.document["Statement"]
        )


def _met(conditions: dict[str, dict[str, Any]], context: dict[str, str]) -> bool:
    """The template's operators are StringEquals, whose values have no `*`, and StringLike."""
    return all(
        any(fnmatchcase(context.get(key.partition(":")[2], ""), value) for value in _listed(wanted))
        for tests in conditions.values()
        for key, wanted in tests.items()
    )


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def policies() -> dict[str, Policy]:
    template = yaml.safe_load(TEMPLATE.read_text())
    return {
        resource["Properties"]["ManagedPolicyName"]: Policy(
            resolved(resource["Properties"]["PolicyDocument"])
        )
        for resource in template["Resources"].values()
    }
