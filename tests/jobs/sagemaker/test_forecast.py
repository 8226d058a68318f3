"""Training, inference and the backtest, from a feature table to figures."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from jobs.sagemaker import drift, evaluate, inference, train
from jobs.sagemaker.backtest import backtest, evaluation, origins
from jobs.sagemaker.calibration import calibrate
from jobs.sagemaker.candidates import METHODS
from jobs.sagemaker.forecaster import METADATA_FILE, Forecaster, trees_files
from jobs.sagemaker.panel import FeaturesError, Panel, columns_of, panel, read_features
from jobs.sagemaker.samples import pairs
from jobs.sagemaker.trees import Settings, fit_trees
from tests.jobs.sagemaker.conftest import HORIZON, QUICK, WEEKS, made_features


@pytest.fixture(scope="module")
def model(features: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    train.train(features, QUICK, "2024-09-23", folder)
    return folder


@pytest.fixture(scope="module")
def tested(features: pd.DataFrame) -> pd.DataFrame:
    history = panel(features)
    return backtest(history, QUICK, origins(history, HORIZON, 3))


def future(features: pd.DataFrame) -> pd.DataFrame:
    return features[features["is_future"]].reset_index(drop=True)


def forecast(rows: pd.DataFrame, model: Path) -> pd.DataFrame:
    buffer = io.BytesIO()
    rows.to_parquet(buffer, index=False)
    given = inference.input_fn(buffer.getvalue(), "application/x-parquet")
    answer = inference.output_fn(
        inference.predict_fn(given, inference.model_fn(str(model))), "application/x-parquet"
    )
    return pq.read_table(io.BytesIO(answer)).to_pandas()


def test_every_row_of_the_horizon_is_forecast_between_its_bounds(features: pd.DataFrame, model: Path) -> None:
    found = forecast(future(features), model)
    assert list(found.columns) == [field.name for field in inference.SCHEMA]
    assert len(found) == 24 * HORIZON
    assert np.isfinite(found[["predicted_units", "lower", "upper"]].to_numpy()).all()
    assert (found["lower"] >= 0).all()
    assert (found["lower"] <= found["predicted_units"]).all()
    assert (found["predicted_units"] <= found["upper"]).all()
    assert set(found["model_type"]) == {"model"}


def test_what_is_planned_moves_the_forecast_as_it_moved_sales(features: pd.DataFrame, model: Path) -> None:
    rows = future(features)
    plain = rows.assign(is_promoted=False, promo_type=None, discount=np.nan)
    off = rows.assign(is_promoted=True, promo_type="price_off", discount=0.25)
    usual, promoted = (forecast(frame, model)["predicted_units"].sum() for frame in (plain, off))
    assert promoted / usual == pytest.approx(2.0, abs=0.25)


def test_a_series_without_history_gets_its_profile_and_a_silent_one_nothing(
    features: pd.DataFrame, model: Path
) -> None:
    rows = future(features)
    kinds = np.where(
        rows["sku_code"] == "S-01", "category_profile", np.where(rows["sku_code"] == "S-02", "zero", "model")
    )
    found = forecast(rows.assign(model_type=kinds, is_promoted=False), model)
    assert found["model_type"].tolist() == kinds.tolist()
    of_profile = found[kinds == "category_profile"]
    expected = rows.loc[kinds == "category_profile", "profile_units"].to_numpy()
    np.testing.assert_allclose(of_profile["predicted_units"].to_numpy(), expected)
    assert (of_profile["lower"] < of_profile["predicted_units"]).all()
    assert (of_profile["upper"] > of_profile["predicted_units"]).all()
    assert (found.loc[kinds == "zero", ["predicted_units", "lower", "upper"]] == 0).all(axis=None)
    lifted = forecast(rows.assign(model_type=kinds, is_promoted=True, promo_type="display"), model)
    ratio = lifted.loc[kinds == "category_profile", "predicted_units"] / of_profile["predicted_units"]
    np.testing.assert_allclose(ratio.to_numpy(), np.exp(0.5))


def test_the_same_data_gives_the_same_files(features: pd.DataFrame, model: Path, tmp_path: Path) -> None:
    shuffled = features.sample(frac=1.0, random_state=1)
    train.train(shuffled, QUICK, "2024-09-23", tmp_path)
    for name in trees_files():
        assert (tmp_path / name).read_bytes() == (model / name).read_bytes()
    assert (tmp_path / METADATA_FILE).read_bytes() == (model / METADATA_FILE).read_bytes()


def test_the_model_brings_its_own_code(features: pd.DataFrame, model: Path, tmp_path: Path) -> None:
    """In a process that sees nothing of the repository but what is in the model."""
    future(features).to_parquet(tmp_path / "rows.parquet", index=False)
    program = (
        "import sys; sys.path.insert(0, sys.argv[1] + '/code'); import inference as i; import jobs.sagemaker as p;"
        "assert p.__file__.startswith(sys.argv[1]);"
        "rows = i.input_fn(open(sys.argv[2], 'rb').read(), i.PARQUET);"
        "sys.stdout.buffer.write(i.output_fn(i.predict_fn(rows, i.model_fn(sys.argv[1])), i.PARQUET))"
    )
    command = [sys.executable, "-c", program, str(model), str(tmp_path / "rows.parquet")]
    answer = subprocess.run(command, capture_output=True, check=True, cwd=tmp_path).stdout
    found = pq.read_table(io.BytesIO(answer)).to_pandas()
    pd.testing.assert_frame_equal(found, forecast(future(features), model))


def test_the_backtest_beats_the_naive_methods_and_its_intervals_hold(tested: pd.DataFrame) -> None:
    figures = evaluation(tested)
    assert figures["rows"] == 3 * 24 * HORIZON
    assert figures["origins"] == ["2024-07-01", "2024-07-29", "2024-08-26"]
    assert figures["model"]["wmape"] < 0.9 * figures["mean4"]["wmape"]
    assert figures["model"]["wmape"] < 0.9 * figures["seasonal_naive"]["wmape"]
    assert abs(figures["model"]["bias"]) < 0.05
    assert 0.7 < figures["model"]["coverage80"] < 0.9
    assert figures["model"]["pinball"] < figures["model"]["wmape"] / 2
    assert set(figures["by_category"]) == {"Tea", "Soap"}
    assert sum(part["rows"] for part in figures["by_region"].values()) == figures["rows"]
    assert list(figures["by_lead_time"]) == ["1", "2", "3", "4"]
    assert list(figures["by_origin"]) == figures["origins"]


def test_each_level_is_judged_by_its_sums(tested: pd.DataFrame) -> None:
    levels = evaluation(tested)["by_level"]
    by_sku = tested.groupby(["sku_code", "origin", "week"])[["actual_units", "predicted_units"]].sum()
    error = (by_sku["actual_units"] - by_sku["predicted_units"]).abs().sum() / by_sku["actual_units"].sum()
    assert levels["sku"]["wmape"] == pytest.approx(error, abs=1e-6)
    assert levels["sku_region"]["wmape"] > levels["sku"]["wmape"] > levels["total"]["wmape"]
    assert {level["bias"] for level in levels.values()} == {levels["total"]["bias"]}
    assert levels["sku_region"]["coverage80"] == evaluation(tested)["model"]["coverage80"]
    assert 0.65 < levels["sku"]["coverage80"] <= 0.95
    assert set(levels["total"]["together"]) == set(evaluation(tested)["origins"])


def test_the_methods_weights_are_told_with_their_errors(tested: pd.DataFrame) -> None:
    figures = evaluation(tested)
    found = figures["methods"]["steady"]
    assert set(found["wmape"]) == set(METHODS)
    assert found["wmape"]["plain"] == pytest.approx(
        (tested["plain"] - tested["actual_units"]).abs().sum() / tested["actual_units"].sum(), abs=1e-6
    )
    assert list(found["by_origin"]) == figures["origins"]
    for chosen in found["by_origin"].values():
        assert sum(chosen["weights"].values()) == sum(chosen["best_other"].values()) == 1.0
        assert chosen["weights"] == {"wide": 0.5, "narrow": 0.5, "plain": 0.0}
        assert (chosen["weeks"], chosen["gain_needed"]) == (HORIZON, None)  # too few to tell


def test_weights_are_told_with_what_they_were_chosen_by(tested: pd.DataFrame, features: pd.DataFrame) -> None:
    """The plain method needs no trees: its error in the weeks before an origin, from every origin since then."""
    history = panel(features)
    cutoff = history.index(np.datetime64("2024-07-29"))
    weeks = range(cutoff - HORIZON, cutoff)
    samples = pairs(history, weeks, range(1, HORIZON + 1), weeks, None, 0)
    promoted = samples.columns["is_promoted"].astype(float) > 0
    # All lifts but the category's are missing: it is shrunk by nothing, twice.
    plain = samples.columns["base_units"].astype(float) * np.where(promoted, np.exp(0.5), 1.0)
    error = np.abs(samples.units - plain).sum() / samples.units.sum()
    chosen = evaluation(tested)["methods"]["steady"]["by_origin"]["2024-07-29"]
    assert chosen["wmape"]["plain"] == pytest.approx(error, abs=1e-6)


def test_bounds_and_weights_come_from_promotions_that_failed_too(features: pd.DataFrame) -> None:
    """Which promotions will not take place nobody knows in advance: all rows are forecast, all count."""
    quick = Settings(HORIZON, rounds=5, most_samples=3000)
    marked = panel(features.assign(contradicts=features["sku_code"] == "S-02"))
    trees = fit_trees(marked, 80, quick, HORIZON)
    of_all = calibrate(trees, panel(features), 80, WEEKS, HORIZON)
    assert calibrate(trees, marked, 80, WEEKS, HORIZON) == of_all


def test_weeks_without_any_stock_calibrate_nothing(features: pd.DataFrame) -> None:
    history = panel(features)
    trees = fit_trees(history, WEEKS - HORIZON, Settings(HORIZON, rounds=5, most_samples=3000), HORIZON)
    first = history.weeks[WEEKS - HORIZON]
    empty = panel(features.assign(is_stockout=pd.to_datetime(features["week"]) >= pd.Timestamp(first)))
    with pytest.raises(FeaturesError, match=f"in any week from {first} to {history.weeks[-1]}"):
        calibrate(trees, empty, WEEKS - HORIZON, WEEKS, HORIZON)


def test_the_naive_methods_are_what_they_say(tested: pd.DataFrame, features: pd.DataFrame) -> None:
    units = features.set_index(["sku_code", "region_code", "week"])["units"]
    for row in tested.iloc[::37].itertuples():
        key = (row.sku_code, row.region_code)
        ago = units[(*key, row.week - pd.Timedelta(weeks=52))]
        recent = [units[(*key, row.origin - pd.Timedelta(weeks=back))] for back in range(1, 5)]
        assert row.seasonal_naive == ago
        assert row.mean4 == pytest.approx(np.mean(recent))
        assert row.actual_units == units[(*key, row.week)]


def test_how_many_weeks_have_a_year_ago_is_said(tested: pd.DataFrame, features: pd.DataFrame) -> None:
    assert evaluation(tested)["year_ago_known"] == 1.0
    young = panel(features.assign(year_ago_units=np.nan))
    rows = backtest(young, Settings(HORIZON, rounds=2), origins(young, HORIZON, 1))
    figures = evaluation(rows)
    assert (figures["year_ago_known"], figures["seasonal_naive"]["wmape"]) == (0.0, 1.0)
    unknown = {"wmape": None, "mape": None, "bias": None}
    assert figures["where_year_ago_known"] == {"model": unknown, "seasonal_naive": unknown}


def test_the_year_before_is_judged_where_it_is_known_and_the_model_on_the_same_rows(
    tested: pd.DataFrame,
) -> None:
    """Of 20 units each: two rows with a year ago, off by 5 and by 1; two without, which the naive method leaves at 0."""
    rows = tested.head(4).assign(
        actual_units=20.0,
        predicted_units=[21.0, 22.0, 40.0, 40.0],
        seasonal_naive=[25.0, 19.0, 0.0, 0.0],
        year_ago_known=[True, True, False, False],
    )
    figures = evaluation(rows)
    assert figures["year_ago_known"] == 0.5
    assert figures["where_year_ago_known"]["model"]["wmape"] == 0.075
    assert figures["where_year_ago_known"]["seasonal_naive"]["wmape"] == 0.15
    assert (figures["model"]["wmape"], figures["seasonal_naive"]["wmape"]) == (0.5375, 0.575)


def test_no_pair_learns_from_the_test_weeks(features: pd.DataFrame) -> None:
    history, cutoff = panel(features), 70
    samples = pairs(history, range(cutoff), range(1, HORIZON + 1), range(cutoff), None, 7)
    assert samples.target.max() == cutoff - 1
    assert (samples.origin <= samples.target).all()
    later = features.assign(
        units=features["units"].where(
            pd.to_datetime(features["week"]) < pd.Timestamp(history.weeks[cutoff]), 999.0
        )
    )
    one, other = (_trees_of(panel(frame), cutoff) for frame in (features, later))
    assert one == other


def _trees_of(history: Panel, cutoff: int) -> bytes:
    trees = fit_trees(history, cutoff, Settings(HORIZON, rounds=5, most_samples=3000), HORIZON)
    return b"".join(bytes(booster.save_raw()) for booster in trees.boosters)


def test_weeks_without_stock_and_false_flags_are_not_learned_from(features: pd.DataFrame) -> None:
    marked = features.assign(
        is_stockout=features["sku_code"] == "S-01", contradicts=features["sku_code"] == "S-02"
    )
    history = panel(marked)
    samples = pairs(history, range(WEEKS), range(1, 2), range(WEEKS), None, 7)
    learned = set(history.series["sku_code"].iloc[samples.series])
    assert learned == {f"S-{number:02d}" for number in range(12)} - {"S-01", "S-02"}


def test_the_programs_run_as_sagemaker_runs_them(
    features: pd.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    channel, processing = tmp_path / "channel", tmp_path / "processing"
    for folder in (channel, processing / "input" / "features"):
        folder.mkdir(parents=True)
        features.to_parquet(folder / "part.parquet", index=False)
    monkeypatch.setenv("SM_CHANNEL_FEATURES", str(channel))
    monkeypatch.setenv("SM_MODEL_DIR", str(tmp_path / "model"))
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    given = [
        "--as-of",
        "2024-09-23",
        "--horizon-weeks",
        str(HORIZON),
        "--rounds",
        "10",
        "--sagemaker_region",
        "x",
    ]
    train.main(given)
    told = capsys.readouterr().out
    assert "metric series=24\n" in told
    assert f"metric history_weeks={WEEKS}\n" in told
    evaluate.main([*given, "--origins", "3"])
    output = processing / "output" / "evaluation"
    figures = json.loads((output / "evaluation.json").read_text())
    assert figures["rows"] == len(pq.read_table(output / "backtest.parquet")) == 3 * 24 * HORIZON
    assert {"wmape", "mape", "bias", "coverage80", "pinball"} == set(figures["model"])
    assert (output / "forecast.png").read_bytes().startswith(b"\x89PNG")


def test_too_few_weeks_for_the_backtest_are_said(features: pd.DataFrame) -> None:
    short = features[pd.to_datetime(features["week"]) < "2023-07-01"].assign(is_future=False)
    with pytest.raises(FeaturesError, match="26 weeks of history are too few for 3 origins of 4 weeks"):
        origins(panel(short), HORIZON, 3)


def test_bad_feature_tables_are_refused(features: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(FeaturesError, match="no Parquet file"):
        read_features(tmp_path)
    with pytest.raises(FeaturesError, match="several rows of one"):
        panel(pd.concat([features, features.head(1)]))
    with pytest.raises(FeaturesError, match="no week of history"):
        panel(future(features))


def test_unknown_content_is_refused() -> None:
    with pytest.raises(ValueError, match="text/csv"):
        inference.input_fn(b"", "text/csv")
    with pytest.raises(ValueError, match="text/csv"):
        inference.output_fn(pd.DataFrame(), "text/csv")


def test_a_kind_of_promotion_that_training_never_saw_is_no_error(features: pd.DataFrame, model: Path) -> None:
    rows = future(features).assign(is_promoted=True, promo_type="never heard of")
    found = Forecaster.load(model).predict(columns_of(rows), rows["model_type"].to_numpy(dtype=object))
    assert np.isfinite(found.to_numpy()).all()


def test_distributions_tell_a_shifted_feature_from_the_same_one() -> None:
    features = made_features(series=4)
    known = drift.distributions(features, weeks=WEEKS)
    lag = known["lag_1"]
    assert sum(lag["shares"]) + lag["missing"] == pytest.approx(1.0, abs=1e-4)
    assert len(lag["shares"]) == len(lag["edges"]) + 1
    values = features.loc[~features["is_future"], "lag_1"].to_numpy(float)
    assert drift.distribution(values, lag["edges"]) == lag
    shifted = drift.distribution(values * 10, lag["edges"])
    assert shifted["shares"][-1] > 0.8


def test_a_slight_lean_is_mended_by_one_factor_and_a_large_one_by_size() -> None:
    features = made_features(series=8)
    history = panel(features)
    trees = fit_trees(history, 70, QUICK, HORIZON)
    slight = calibrate(trees, history, 70, WEEKS, HORIZON)
    assert slight.bias_factors == (slight.bias,)
    doubled = panel(
        features.assign(units=features["units"] * np.where(features["week"] < history.weeks[70], 1, 2))
    )
    large = calibrate(trees, doubled, 70, WEEKS, HORIZON)
    assert len(large.bias_factors) == 4
    samples = pairs(doubled, range(70, WEEKS), range(1, HORIZON + 1), range(70, WEEKS), None, 0)
    lean = large.units(trees, samples.columns).sum() / samples.units.sum()
    assert lean == pytest.approx(1.0, abs=0.06)
    assert large.bias > 1.3
