"""The churn model's jobs: the best of some trials, the same work never done twice, on the local SageMaker."""

from __future__ import annotations

import io
import json
import tarfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from local.aws.server import LocalAws
from tasks.churn import churn_training
from tasks.churn.churn_training import DEFAULTS, Trained, Tuning
from tasks.errors import SystemFault
from tasks.models import model_code, model_jobs
from tasks.models.model_code import Package
from tasks.services import aws
from tests.tasks.local_sagemaker import BUCKET, local_sagemaker

# Deeper trees are better here; the model is what was passed.
TRAIN = """
import argparse, json, os, pathlib
parser = argparse.ArgumentParser(allow_abbrev=False)
for name in ("as-of", "horizon-days", "seed", "max-depth", "learning-rate", "min-child-weight", "rounds"):
    parser.add_argument(f"--{name}", required=name in ("as-of", "horizon-days", "seed"))
given = vars(parser.parse_args())
rows = pathlib.Path(os.environ["SM_CHANNEL_FEATURES"], "rows.txt").read_text()
told = json.dumps({**given, "rows": rows, "method": "logistic"})
pathlib.Path(os.environ["SM_MODEL_DIR"], "metadata.json").write_text(told)
print(f"metric validation_logloss={1 / int(given['max_depth'])}")
"""
EVALUATE = """
import json, os, pathlib, sys
root = pathlib.Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"), "processing")
found = {"argv": sys.argv[1:], "rows": (root / "input/features/rows.txt").read_text()}
(root / "output/evaluation/evaluation.json").write_text(json.dumps(found))
"""


@dataclass(frozen=True)
class Rows:
    key: str
    history: str
    as_of: date = date(2026, 11, 23)
    horizon_days: int = 90


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    with local_sagemaker(tmp_path_factory.mktemp("aws")) as server:
        yield server


@pytest.fixture(autouse=True)
def programs(server: LocalAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tiny programs in the place of the churn model's."""
    folder = tmp_path / "jobs" / "churn"
    folder.mkdir(parents=True)
    for name, text in {"train.py": TRAIN, "evaluate.py": EVALUATE}.items():
        (folder / name).write_text(text)
    monkeypatch.setattr(model_code, "ROOT", tmp_path)
    monkeypatch.setattr(churn_training, "PACKAGE", Package("jobs/churn", ("train.py", "evaluate.py"), ()))
    model_code.ship.cache_clear()
    yield
    model_code.ship.cache_clear()


@pytest.fixture
def rows(server: LocalAws) -> Rows:
    key = f"{time.monotonic_ns():024x}"
    for folder in (f"churn/{key}", f"churn/{key}-other"):
        aws.s3().put_object(Bucket=BUCKET, Key=f"{folder}/history/rows.txt", Body=folder.encode())
    return Rows(key, f"s3://{BUCKET}/churn/{key}/history")


def count(kind: str) -> int:
    listed: dict[str, Any] = getattr(aws.sagemaker(), f"list_{kind}_jobs")(MaxResults=100)
    (summaries,) = (value for name, value in listed.items() if name.endswith("Summaries"))
    return len(summaries)


def model_of(trained: Trained) -> dict[str, Any]:
    bucket, key = aws.split(trained.model_data)
    body = aws.s3().get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        found = archive.extractfile("metadata.json")
        assert found
        model: dict[str, Any] = json.loads(found.read())
        return model


def test_the_best_of_the_trials_is_the_model(rows: Rows) -> None:
    tuned = churn_training.tune(rows, "flow-1", Tuning(trials=3))

    assert tuned.hyperparameters.keys() == {"max-depth", "learning-rate", "min-child-weight", "rounds"}
    assert tuned.objective == pytest.approx(1 / int(tuned.hyperparameters["max-depth"]))
    model = model_of(tuned)
    assert {name.replace("_", "-"): value for name, value in model.items()} == {
        "as-of": "2026-11-23",
        "horizon-days": "90",
        "seed": "7",
        "rows": f"churn/{rows.key}",
        "method": tuned.method,
        **tuned.hyperparameters,
    }
    assert tuned.method == "logistic"


def test_the_same_work_is_tuned_once_and_with_the_same_values_elsewhere(rows: Rows) -> None:
    tuned, jobs = churn_training.tune(rows, "flow-1", Tuning()), count("hyper_parameter_tuning")
    assert churn_training.tune(rows, "flow-2", Tuning()) == tuned
    assert count("hyper_parameter_tuning") == jobs

    again = churn_training.tune(Rows(f"{rows.key[:-1]}x", rows.history), "flow-3", Tuning())
    assert again.job != tuned.job
    assert (again.hyperparameters, again.objective) == (tuned.hyperparameters, tuned.objective)


def test_without_tuning_the_defaults_are_trained(rows: Rows) -> None:
    trained, jobs = churn_training.train(rows, "flow-1"), count("training")

    assert trained == churn_training.train(rows, "flow-2")
    assert count("training") == jobs
    model = model_of(trained)
    assert {name: model[name.replace("-", "_")] for name in DEFAULTS} == DEFAULTS == trained.hyperparameters


def trained(hyperparameters: Mapping[str, str] = DEFAULTS, method: str = "blend") -> Trained:
    return Trained("train-1", "s3://a/m.tar.gz", "c0dec0dec0de", hyperparameters, method)


def test_a_model_that_does_not_say_its_method_is_not_judged(rows: Rows, tmp_path: Path) -> None:
    silent = TRAIN.replace(', "method": "logistic"', "")
    (tmp_path / "jobs" / "churn" / "train.py").write_text(silent)
    with pytest.raises(SystemFault, match=r"model\.tar\.gz has no metadata\.json with 'method'"):
        churn_training.train(rows, "flow-1")


def test_the_evaluation_gets_the_same_rows_hyperparameters_and_method(rows: Rows) -> None:
    judged = churn_training.evaluate(rows, trained(), "flow-1")

    bucket, key = aws.split(judged.report)
    report = json.loads(aws.s3().get_object(Bucket=bucket, Key=key)["Body"].read())
    assert report["rows"] == f"churn/{rows.key}"
    assert report["argv"] == [
        *("--as-of", "2026-11-23", "--horizon-days", "90", "--seed", "7"),
        *("--max-depth", "3", "--learning-rate", "0.06", "--min-child-weight", "20", "--rounds", "150"),
        *("--method", "blend"),
    ]
    assert churn_training.evaluate(rows, trained(), "flow-2") == judged
    other = churn_training.evaluate(rows, trained({**DEFAULTS, "max-depth": "2"}), "flow-2")
    line = churn_training.evaluate(rows, trained(method="logistic"), "flow-2")
    assert len({judged.folder, other.folder, line.folder}) == 3


def test_what_is_searched() -> None:
    training = model_jobs.Training(
        "s3://a/c.tar.gz", {"seed": "7"}, ("validation_logloss",), "s3://a/h/", "s3://a/m"
    )
    request = model_jobs.tuning_request(training, churn_training.search(Tuning(trials=4, parallel=2)))
    config = request["HyperParameterTuningJobConfig"]
    ranges = {
        given["Name"]: (given["MinValue"], given["MaxValue"], given["ScalingType"])
        for kind in config["ParameterRanges"].values()
        for given in kind
    }
    assert ranges == {
        "max-depth": ("2", "5", "Linear"),
        "rounds": ("50", "300", "Linear"),
        "learning-rate": ("0.03", "0.3", "Logarithmic"),
        "min-child-weight": ("1", "50", "Logarithmic"),
    }
    assert config["ResourceLimits"] == {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 2}
    assert config["TrainingJobEarlyStoppingType"] == "Auto"
    assert config["HyperParameterTuningJobObjective"] == {
        "Type": "Minimize",
        "MetricName": "validation_logloss",
    }
    assert request["TrainingJobDefinition"]["StaticHyperParameters"] == {
        "sagemaker_program": "train.py",
        "sagemaker_submit_directory": "/opt/ml/input/data/code/sourcedir.tar.gz",
        "seed": "7",
    }
