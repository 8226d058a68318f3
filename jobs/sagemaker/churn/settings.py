"""The hyperparameters of the programs, as SageMaker passes them: --as-of, --horizon-days and what is tuned."""

from __future__ import annotations

import argparse

from jobs.sagemaker.churn.trees import Settings


def with_settings(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--as-of", required=True)
    parser.add_argument("--horizon-days", type=int, default=Settings.horizon_days)
    parser.add_argument("--seed", type=int, default=Settings.seed)
    parser.add_argument("--rounds", type=int, default=Settings.rounds)
    parser.add_argument("--max-depth", type=int, default=Settings.max_depth)
    parser.add_argument("--learning-rate", type=float, default=Settings.learning_rate)
    parser.add_argument("--min-child-weight", type=float, default=Settings.min_child_weight)
    parser.add_argument("--subsample", type=float, default=Settings.subsample)
    parser.add_argument("--colsample", type=float, default=Settings.colsample)
    parser.add_argument("--l2", type=float, default=Settings.l2)
    return parser


def given_settings(given: argparse.Namespace) -> Settings:
    return Settings(
        given.horizon_days,
        given.seed,
        given.rounds,
        given.max_depth,
        given.learning_rate,
        given.min_child_weight,
        given.subsample,
        given.colsample,
        given.l2,
    )
