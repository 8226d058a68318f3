"""Parameters that may be left out: what hangs on them is made once they are given."""

from __future__ import annotations

from aws_cdk import CfnParameter, Fn, ICfnRuleConditionExpression


def is_given(parameter: CfnParameter) -> ICfnRuleConditionExpression:
    return Fn.condition_not(Fn.condition_equals(parameter.value_as_string, ""))
