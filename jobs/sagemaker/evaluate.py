"""The SageMaker processing job that judges: a rolling-origin backtest, its figures and its picture."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from jobs.sagemaker import last_words
from jobs.sagemaker.backtest import backtest, evaluation, origins
from jobs.sagemaker.panel import panel, read_features
from jobs.sagemaker.plot import draw
from jobs.sagemaker.trees import Settings


@last_words.kept_in(last_words.PROCESSING)
def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="evaluate", allow_abbrev=False)
    parser.add_argument("--as-of", required=True)
    parser.add_argument("--horizon-weeks", type=int, default=13)
    parser.add_argument("--origins", type=int, default=3)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=Settings.rounds)
    given, _ = parser.parse_known_args(arguments)
    # The variable is the SageMaker toolkit's own, for machines on which /opt/ml can't be what it is in the container.
    root = Path(os.environ.get("SAGEMAKER_BASE_DIR", last_words.OPT_ML)) / "processing"
    settings = Settings(given.horizon_weeks, given.seed, given.rounds)
    features = read_features(root / "input" / "features")
    evaluate(features, settings, given.origins, given.as_of, root / "output" / "evaluation")


def evaluate(features: pd.DataFrame, settings: Settings, count: int, as_of: str, target: Path) -> None:
    history = panel(features)
    rows = backtest(history, settings, origins(history, settings.horizon_weeks, count))
    document = {"as_of": as_of, "horizon_weeks": settings.horizon_weeks, **evaluation(rows)}
    target.mkdir(parents=True, exist_ok=True)
    (target / "evaluation.json").write_text(json.dumps(document, indent=1, sort_keys=True))
    rows.to_parquet(target / "backtest.parquet", index=False)
    draw(history, rows, document, target / "forecast.png")


if __name__ == "__main__":
    main()
