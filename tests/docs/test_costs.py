"""The arithmetic of docs/deploy.md: products are products, columns add up to their sums, sizes are the account's."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "deploy.md").read_text().partition("## What it costs")[2]
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if "|" in line]


def test_products_are_right() -> None:
    products = re.findall(r"((?:[\d.]+ × )+[\d.]+) = ([\d.]+)", PAGE)
    assert len(products) >= 20
    for factors, product in products:
        assert round(math.prod(float(f) for f in factors.split(" × ")), 2) == pytest.approx(
            float(product), abs=0.011
        ), factors


@pytest.mark.parametrize("column", ["dev", "prod", "private"])
def test_a_column_adds_up(column: str) -> None:
    place = ROWS[0].index(column)
    figures = [row[place].strip("*") for row in ROWS[2:] if len(row) == len(ROWS[0])]
    *parts, total = [float(figure) for figure in figures if figure != "-"]
    assert sum(parts) == pytest.approx(total, abs=0.005)


def test_what_is_counted_is_what_there_is() -> None:
    """Endpoints, gateways and alarmed metrics of the production account, from its reviewed templates."""

    def kinds(stack: str, kind: str) -> list[dict[str, object]]:
        path = ROOT / "infra" / "cdk" / "snapshots" / f"highwater-{stack}.yaml"
        resources = yaml.safe_load(path.read_text())["Resources"].values()
        return [r["Properties"] for r in resources if r["Type"] == kind]

    endpoints = [e for e in kinds("network", "AWS::EC2::VPCEndpoint") if e["VpcEndpointType"] == "Interface"]
    assert f"interface endpoints, {len(endpoints)} in two zones" in PAGE
    metrics = {
        stack: sum(
            str(alarm.get("Metrics", "")).count("MetricStat") or 1
            for alarm in kinds(stack, "AWS::CloudWatch::Alarm")
        )
        for stack in ("observability", "orchestration", "server")
    }
    everywhere = metrics["observability"] + metrics["orchestration"]
    assert f"alarms, of {everywhere} metrics in all (private: {sum(metrics.values())})" in PAGE
    assert len(kinds("network", "AWS::EC2::NatGateway")) == 2
    secrets = [len(kinds(stack, "AWS::SecretsManager::Secret")) for stack in ("lake", "server")]
    assert f"secrets, {secrets[0]} (private: {sum(secrets)})" in PAGE
