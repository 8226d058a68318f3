"""Which data the demo runs on, and that its runs are given what that data needs."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import date

import boto3
import pytest
from moto import mock_aws
from prefect import Flow

from flows.cpg_backfill import cpg_backfill
from flows.cpg_daily import cpg_daily
from flows.demand_forecast import demand_forecast
from local import cli, demo_data
from local.demo_data import DATA_SETS, OtherData, chosen
from local.settings import REPOSITORY, LocalSettings

FLOWS: dict[str, Flow[..., object]] = {
    "cpg-backfill": cpg_backfill,
    "cpg-daily": cpg_daily,
    "demand-forecast": demand_forecast,
}


@pytest.fixture
def lake(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        where = {"LocationConstraint": "ap-south-1"}
        boto3.client("s3").create_bucket(Bucket="highwater-lake", CreateBucketConfiguration=where)  # type: ignore[arg-type]
        yield


@pytest.mark.parametrize("name", DATA_SETS)
def test_the_flows_accept_what_they_are_given(name: str) -> None:
    for step in chosen(name).steps:
        FLOWS[step.flow].validate_parameters(step.parameters)


def test_the_default_is_the_sample_up_to_yesterday() -> None:
    backfill, daily, forecast = demo_data.sample(date(2026, 11, 20)).steps
    assert (backfill.parameters["start_date"], backfill.parameters["end_date"]) == (
        "2024-10-07",
        "2026-11-19",
    )
    assert daily.parameters == {"run_date": "2026-11-20", "forecast": "never"}
    assert forecast.parameters == {"as_of": "2026-11-21", "gate": {"mape_max": None}}
    assert (cli.DEMO_DATA[0], set(cli.DEMO_DATA)) == ("sample", set(DATA_SETS))


def test_the_grocers_last_four_weeks_are_forecast_before_they_are_delivered() -> None:
    data = chosen("completejourney")
    backfill, daily, forecast, closing = data.steps
    assert [step.flow for step in data.steps] == [
        "cpg-backfill",
        "cpg-daily",
        "demand-forecast",
        "cpg-backfill",
    ]
    days = [(s.parameters["start_date"], s.parameters["end_date"]) for s in (backfill, closing)]
    assert days == [("2017-01-02", "2017-12-02"), ("2017-12-04", "2017-12-31")]
    assert daily.parameters["run_date"] == "2017-12-03"
    assert forecast.parameters == {
        "as_of": "2017-12-04",
        "horizon_days": 28,
        "gate": {"mape_max": None},
        "minimum_weeks": 48,
    }
    for step in (backfill, daily, closing):
        assert step.parameters["sources"] == ["sales", "promotions", "masters"]
    lines = [step.parameters["quality"]["sales"]["row_count_min"] for step in (backfill, daily, closing)]
    assert lines == [300, 300, 0]
    assert backfill.parameters["quality"]["sales"]["null_rate_max"] == 0.05
    assert (data.has_costs, data.weeks_close) == (False, True)


def test_two_data_sets_are_not_mixed(lake: None, monkeypatch: pytest.MonkeyPatch) -> None:
    delivered: list[str] = []

    def named(name: str) -> demo_data.DataSet:
        return demo_data.DataSet(name, "", (), lambda _: delivered.append(name) or 3)  # type: ignore[func-returns-value]

    assert demo_data.put(named("sample"), LocalSettings()) == 3
    assert demo_data.put(named("sample"), LocalSettings()) == 3  # the demo again
    with pytest.raises(OtherData, match=r"holds the demo's data set 'sample'; .* make down"):
        demo_data.put(named("completejourney"), LocalSettings())
    assert delivered == ["sample", "sample"]


def test_data_that_there_is_not_is_an_error_that_names_what_there_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["demo", "--data", "walmart"])
    assert ended.value.code == 2
    assert "invalid choice: 'walmart' (choose from" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "passed"), [((), "sample"), (("DATA=completejourney",), "completejourney")]
)
def test_make_passes_it_on(given: tuple[str, ...], passed: str) -> None:
    done = subprocess.run(
        ["make", "--dry-run", "demo", *given], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert f'local demo --data "{passed}"' in done.stdout
