"""A value of a template as CloudFormation fills it in, for an imaginary account. For the tests."""

from __future__ import annotations

import re
from typing import Any, Final

PSEUDO: Final = {
    "AWS::Partition": "aws",
    "AWS::Region": "ap-southeast-1",
    "AWS::AccountId": "123456789012",
}
# A key's ARN, a group's id: no pattern but `*` is meant to match it.
MADE_BY_AWS: Final = "made-by-aws"


def resolved(value: Any, parameters: dict[str, str] | None = None) -> Any:
    known = PSEUDO | (parameters or {})

    def fill(value: Any) -> Any:
        match value:
            case {"Ref": name}:
                return known.get(name, MADE_BY_AWS)
            case {"Fn::GetAtt": _} | {"Fn::ImportValue": _}:
                return MADE_BY_AWS
            case {"Fn::Sub": str(text)}:
                return re.sub(r"\$\{([\w:]+)\}", lambda found: known[found[1]], text)
            case {"Fn::Join": [separator, parts]}:
                return separator.join(fill(parts))
            case {"Fn::Split": [separator, text]}:
                return fill(text).split(separator)
            case {"Fn::Select": [index, items]}:
                return fill(items)[int(index)]
            case dict():
                return {name: fill(item) for name, item in value.items()}
            case list():
                return [fill(item) for item in value]
        return value

    return fill(value)
