"""Whom a role trusts, when its stack is updated. moto changes its description alone."""

from __future__ import annotations

import json
from typing import Any

from moto.iam.models import Role

from local.aws.actions import Overrides


def install(overrides: Overrides) -> None:
    update = Role.update_from_cloudformation_json

    def with_trust(_: type[Role], /, *, cloudformation_json: dict[str, Any], **rest: Any) -> Role:
        role: Role = update(cloudformation_json=cloudformation_json, **rest)
        trust = cloudformation_json["Properties"]["AssumeRolePolicyDocument"]
        role.assume_role_policy_document = trust if isinstance(trust, str) else json.dumps(trust)
        return role

    overrides.replace(Role, "update_from_cloudformation_json", classmethod(with_trust))
