"""The SageMaker processing job that judges: the latest date whose churn is known, its figures, scores and picture."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from jobs.sagemaker import last_words
from jobs.sagemaker.churn import inputs
from jobs.sagemaker.churn.churner import METHODS
from jobs.sagemaker.churn.evaluation import evaluate
from jobs.sagemaker.churn.plot import draw
from jobs.sagemaker.churn.settings import given_settings, with_settings
from jobs.sagemaker.churn.train import usable
from jobs.sagemaker.churn.trees import Settings


@last_words.kept_in(last_words.PROCESSING)
def main(arguments: Sequence[str] | None = None) -> None:
    parser = with_settings(argparse.ArgumentParser(prog="evaluate", allow_abbrev=False))
    parser.add_argument("--method", required=True, choices=METHODS, help="that of the model that is judged")
    given, _ = parser.parse_known_args(arguments)
    # The variable is the SageMaker toolkit's own, for machines on which /opt/ml can't be what it is in the container.
    root = Path(os.environ.get("SAGEMAKER_BASE_DIR", last_words.OPT_ML)) / "processing"
    rows = inputs.read_rows(root / "input" / "features")
    write(rows, given_settings(given), given.as_of, given.method, root / "output" / "evaluation")


def write(rows: pd.DataFrame, settings: Settings, as_of: str, method: str, target: Path) -> None:
    found = evaluate(usable(rows, settings, as_of), settings, as_of, method)
    target.mkdir(parents=True, exist_ok=True)
    (target / "evaluation.json").write_text(json.dumps(found.document, indent=1, sort_keys=True))
    found.scores.to_parquet(target / "scores.parquet", index=False)
    draw(found.scores, found.document, target / "reliability.png")


if __name__ == "__main__":
    main()
