"""The picture of an evaluation: what was said against what came, and how customers spread over probabilities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd

matplotlib.use("Agg")
from matplotlib import pyplot

from jobs.sagemaker.churn.measures import bins

_SHOWN = {"ours": "C0o-", "logistic": "C1s:", "bg_nbd": "C2^:"}


def draw(scores: pd.DataFrame, document: dict[str, Any], path: Path) -> None:
    figure, (above, below) = pyplot.subplots(
        2, 1, figsize=(7, 8), height_ratios=(3, 1), sharex=True, constrained_layout=True
    )
    above.plot([0, 1], [0, 1], color="grey", lw=0.8)
    for method, style in _SHOWN.items():
        rows = scores[scores["method"] == method]
        probability, churned = rows["probability"].to_numpy(float), rows["churned"].to_numpy(float)
        of_row = bins(probability)
        size = np.maximum(np.bincount(of_row), 1)
        some = np.bincount(of_row) > 0
        said, came = np.bincount(of_row, probability) / size, np.bincount(of_row, churned) / size
        error = document["methods"][method]["ece"]
        above.plot(said[some], came[some], style, label=f"{method}: calibration error {error:.3f}")
        if method == "ours":
            below.hist(probability, bins=40, range=(0, 1), color="C0")
    above.set_title(
        f"Churn within {document['horizon_days']} days from {document['evaluated_on']}: "
        f"{document['customers']} customers, {document['churn_rate']:.1%} churned"
    )
    above.set_ylabel("share that churned")
    above.legend(loc="upper left", fontsize=8)
    below.set_xlabel("probability of churn")
    below.set_ylabel("customers")
    figure.savefig(path, dpi=110, metadata={"Software": None})
    pyplot.close(figure)
