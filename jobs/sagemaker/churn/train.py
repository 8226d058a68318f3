"""The SageMaker training job, in script mode: features in, model files out. The same data gives the same bytes."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jobs.sagemaker import last_words
from jobs.sagemaker.churn import inputs
from jobs.sagemaker.churn.churner import Churner
from jobs.sagemaker.churn.settings import given_settings, with_settings
from jobs.sagemaker.churn.trees import Settings
from jobs.sagemaker.drift import distribution

PACKAGE = Path(inputs.__file__).resolve().parent
METADATA = "metadata.json"
SCORE = "probability"
OBJECTIVE = "validation_logloss"
"""Told after each fold, so that a tuning job can stop a hopeless trial, and at the end, where the last value counts."""


@last_words.kept_in(last_words.TRAINING)
def main(arguments: Sequence[str] | None = None) -> None:
    parser = with_settings(argparse.ArgumentParser(prog="train", allow_abbrev=False))
    given, _ = parser.parse_known_args(arguments)
    rows = inputs.read_rows(Path(os.environ.get("SM_CHANNEL_FEATURES", "/opt/ml/input/data/features")))
    target = Path(os.environ.get("SM_MODEL_DIR", "/opt/ml/model"))
    train(rows, given_settings(given), given.as_of, target)


def train(rows: pd.DataFrame, settings: Settings, as_of: str, target: Path) -> Churner:
    started = time.monotonic()
    rows = usable(rows, settings, as_of)
    model = Churner.fitted(rows, settings, progress=lambda loss: report(OBJECTIVE, round(loss, 6)))
    target.mkdir(parents=True, exist_ok=True)
    model.save(target)
    (target / METADATA).write_text(json.dumps(description(model, rows, as_of), indent=1, sort_keys=True))
    ship_inference(target / "code")
    report(OBJECTIVE, model.choice.log_loss[model.choice.method])
    report("validation_average_precision", model.choice.average_precision[model.choice.method])
    report("rows", len(rows))
    report("origins", rows["as_of"].nunique())
    report("churn_rate", round(float(rows["churned"].mean()), 6))
    report("seconds", round(time.monotonic() - started, 1))
    return model


def usable(rows: pd.DataFrame, settings: Settings, as_of: str) -> pd.DataFrame:
    """Rows whose label was known on the date: their horizon has ended."""
    rows = inputs.in_order(rows)
    if "is_future" in rows:
        rows = rows[~rows["is_future"].astype(bool)]
    known = rows["as_of"] <= pd.Timestamp(as_of) - pd.Timedelta(days=settings.horizon_days)
    if not known.any():
        raise ValueError(
            f"of {len(rows)} rows none is {settings.horizon_days} days before {as_of}, so that no churn is known yet"
        )
    return rows[known].reset_index(drop=True)


def report(name: str, value: float) -> None:
    """A line that the training job's metric definitions read."""
    sys.stdout.write(f"metric {name}={value}\n")
    sys.stdout.flush()


def description(model: Churner, rows: pd.DataFrame, as_of: str) -> dict[str, Any]:
    latest = rows[rows["as_of"] == rows["as_of"].max()]
    columns = [name for name in inputs.FEATURES if name in rows]
    shown = {name: distribution(inputs.numbers(latest, name)) for name in columns}
    return {
        "as_of": as_of,
        "horizon_days": model.settings.horizon_days,
        "seed": model.settings.seed,
        "method": model.choice.method,
        "why": model.choice.why,
        "calibration": model.calibration.kind,
        "first_origin": rows["as_of"].min().date().isoformat(),
        "last_origin": rows["as_of"].max().date().isoformat(),
        "rows": len(rows),
        "customers": int(rows["customer_id"].nunique()),
        "columns": columns,
        "nullable": [name for name in columns if inputs.FEATURES[name]],
        "distributions": {**shown, SCORE: distribution(np.asarray(model.probability(latest)))},
    }


def ship_inference(code: Path) -> None:
    """The model brings its own code along, because registering a model does not repack it."""
    package = code / "jobs" / "sagemaker" / "churn"
    package.mkdir(parents=True, exist_ok=True)
    for module in sorted(PACKAGE.glob("*.py")):
        shutil.copyfile(module, package / module.name)
    for above in (package.parent, package.parent.parent):
        (above / "__init__.py").write_text("")
    shutil.copyfile(PACKAGE / "inference.py", code / "inference.py")


if __name__ == "__main__":
    main()
