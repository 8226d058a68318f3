"""The SageMaker training job, in script mode: features in, model files out. The same data gives the same bytes."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from jobs import demand_columns
from jobs.demand_columns import PLAN, STATE
from jobs.sagemaker import drift, last_words
from jobs.sagemaker.forecaster import Fits
from jobs.sagemaker.panel import Panel, panel, read_features
from jobs.sagemaker.trees import Settings

PACKAGE = Path(drift.__file__).resolve().parent


@last_words.kept_in(last_words.TRAINING)
def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="train", allow_abbrev=False)
    parser.add_argument("--as-of", required=True)
    parser.add_argument("--horizon-weeks", type=int, default=13)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=Settings.rounds)
    given, _ = parser.parse_known_args(arguments)
    features = read_features(Path(os.environ.get("SM_CHANNEL_FEATURES", "/opt/ml/input/data/features")))
    target = Path(os.environ.get("SM_MODEL_DIR", "/opt/ml/model"))
    settings = Settings(given.horizon_weeks, given.seed, given.rounds)
    train(features, settings, given.as_of, target)


def train(features: pd.DataFrame, settings: Settings, as_of: str, target: Path) -> None:
    started = time.monotonic()
    history = panel(features)
    fits = Fits(history, settings, furthest_step(features, settings))
    forecaster = fits.at(len(history.weeks))
    target.mkdir(parents=True, exist_ok=True)
    forecaster.save(target, _description(features, history, settings, as_of))
    _ship_inference(target / "code")
    report("bias_correction", forecaster.calibration.bias)
    report("noise", forecaster.calibration.noise)
    report("calibration_rows", forecaster.calibration.rows)
    report("series", len(history.series))
    report("history_weeks", len(history.weeks))
    report("seconds", round(time.monotonic() - started, 1))


def furthest_step(features: pd.DataFrame, settings: Settings) -> int:
    """Further than the horizon where the last deliveries are missing: the state is older then."""
    future = features.loc[features["is_future"].astype(bool), "step"]
    return max(settings.horizon_weeks, int(future.max()) if len(future) else 0)


def report(name: str, value: float) -> None:
    """A line that the training job's metric definitions read."""
    sys.stdout.write(f"metric {name}={value}\n")
    sys.stdout.flush()


def _description(features: pd.DataFrame, history: Panel, settings: Settings, as_of: str) -> dict[str, object]:
    return {
        "as_of": as_of,
        "horizon_weeks": settings.horizon_weeks,
        "seed": settings.seed,
        "rounds": settings.rounds,
        "first_week": str(history.weeks[0]),
        "last_week": str(history.weeks[-1]),
        "series": len(history.series),
        "rows": int((~features["is_future"].astype(bool)).sum()),
        "columns": [*STATE, *PLAN],
        "distributions": drift.distributions(features),
    }


def _ship_inference(code: Path) -> None:
    """The model brings its own code along, because registering a model does not repack it."""
    package = code / "jobs" / "sagemaker"
    package.mkdir(parents=True, exist_ok=True)
    for module in sorted(PACKAGE.glob("*.py")):
        shutil.copyfile(module, package / module.name)
    (package.parent / "__init__.py").write_text("")
    shared = Path(demand_columns.__file__)
    shutil.copyfile(shared, package.parent / shared.name)
    shutil.copyfile(PACKAGE / "inference.py", code / "inference.py")


if __name__ == "__main__":
    main()
