"""The three programs on files, as SageMaker runs them; requests that are wrong get a status and the column's name."""

from __future__ import annotations

import importlib.util
import io
import json
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jobs.sagemaker.churn import evaluate, evaluation, inference, inputs, train
from jobs.sagemaker.churn.churner import Churner
from jobs.sagemaker.churn.inference import Loaded, input_fn, model_fn, output_fn, predict_fn
from jobs.sagemaker.churn.request import BadRequest
from jobs.sagemaker.churn.trees import Settings
from tests.jobs.sagemaker.churn.conftest import AS_OF

ASKED = ["--as-of", AS_OF.isoformat(), "--horizon-days", "60", "--rounds", "40", "--learning-rate", "0.15"]
PARQUET, JSON = inference.PARQUET, inference.JSON


@pytest.fixture(scope="module")
def folder(rows: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """History in two files, and a model trained on it."""
    root = tmp_path_factory.mktemp("churn")
    channel = root / "processing" / "input" / "features"
    channel.mkdir(parents=True)
    rows.iloc[::2].to_parquet(channel / "part-1.parquet", index=False)
    rows.iloc[1::2].to_parquet(channel / "part-0.parquet", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SM_CHANNEL_FEATURES", str(channel))
        patch.setenv("SM_MODEL_DIR", str(root / "model"))
        patch.setenv("SAGEMAKER_BASE_DIR", str(root))
        train.main([*ASKED, "--unknown", "ignored"])
        evaluate.main([*ASKED, "--method", method_of(root / "model")])
    return root


def method_of(model: Path) -> str:
    return json.loads((model / "metadata.json").read_text())["method"]


@pytest.fixture(scope="module")
def model(folder: Path) -> Loaded:
    return model_fn(str(folder / "model"))


def answer(body: object, model: Loaded) -> list[dict[str, object]]:
    text = body if isinstance(body, str) else json.dumps(body)
    found = json.loads(output_fn(predict_fn(input_fn(text, JSON), model), JSON))
    assert set(found) == {"predictions"}
    return found["predictions"]


def instance(future: pd.DataFrame, number: int = 0) -> dict[str, object]:
    return json.loads(future.iloc[[number]].drop(columns="as_of").to_json(orient="records"))[0]


def test_training_tells_its_metrics_and_what_it_was_trained_on(
    folder: Path, rows: pd.DataFrame, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    told = json.loads((folder / "model" / "metadata.json").read_text())
    history = rows[~rows["is_future"]]
    assert (told["as_of"], told["horizon_days"], told["rows"]) == ("2007-09-01", 60, len(history))
    assert told["last_origin"] == "2007-06-30"
    assert told["method"] in ("blend", "logistic")
    assert "tenure_days" in told["nullable"]
    assert "orders" not in told["nullable"]
    assert set(told["columns"]) | {"probability"} == set(told["distributions"])
    assert sum(told["distributions"]["probability"]["shares"]) == pytest.approx(1, abs=1e-4)
    train.report("validation_logloss", 0.4)
    assert capsys.readouterr().out == "metric validation_logloss=0.4\n"


def test_the_objective_is_told_after_each_fold_and_at_the_end(
    rows: pd.DataFrame, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    settings = Settings(horizon_days=60, rounds=40, learning_rate=0.15)
    model = train.train(rows, settings, AS_OF.isoformat(), tmp_path)
    lines = capsys.readouterr().out.splitlines()
    told = [float(line.partition("=")[2]) for line in lines if line.startswith("metric validation_logloss=")]
    assert len(told) == inputs.FOLDS + 1
    assert told[-2] == pytest.approx(model.choice.log_loss["blend"], abs=1e-6)
    assert told[-1] == model.choice.log_loss[model.choice.method]
    assert len(set(told[:-1])) == inputs.FOLDS


def test_the_same_data_gives_the_same_bytes(folder: Path, rows: pd.DataFrame, tmp_path: Path) -> None:
    settings = Settings(horizon_days=60, rounds=40, learning_rate=0.15)
    train.train(rows.sample(frac=1, random_state=1), settings, AS_OF.isoformat(), tmp_path)
    first = {
        path.relative_to(folder / "model"): path.read_bytes() for path in (folder / "model").rglob("*.*")
    }
    again = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.*")}
    assert first == again
    assert Path("code/inference.py") in first
    assert Path("code/jobs/sagemaker/churn/request.py") in first


def test_labels_that_were_not_known_on_the_date_are_not_trained_on(history: pd.DataFrame) -> None:
    known = train.usable(history, Settings(horizon_days=60), "2007-06-30")
    assert known["as_of"].max() == pd.Timestamp("2007-04-07")
    with pytest.raises(ValueError, match="none is 60 days before 2007-01-01"):
        train.usable(history, Settings(horizon_days=60), "2007-01-01")


def test_the_evaluation_judges_the_latest_known_date_beside_the_peers(
    folder: Path, history: pd.DataFrame
) -> None:
    output = folder / "processing" / "output" / "evaluation"
    told = json.loads((output / "evaluation.json").read_text())
    judged = history[history["as_of"] == history["as_of"].max()]
    assert told["evaluated_on"] == "2007-06-30"
    assert max(told["origins"]) <= "2007-05-01"
    assert (told["rows"], told["customers"]) == (len(judged), len(judged))
    assert told["churn_rate"] == pytest.approx(judged["churned"].mean(), abs=1e-6)
    assert set(told["methods"]) == {"ours", "rfm_rule", "logistic", "bg_nbd", "xgboost_plain"}
    assert told["chosen"] == method_of(folder / "model")
    assert set(told["by_segment"]) == {"orders", "recency", "tenure", "region"}
    parts = told["by_segment"]["region"]
    assert sum(part["customers"] for part in parts.values()) == len(judged)
    assert max(told["shap"], key=told["shap"].__getitem__) in ("bg_nbd", "recency_days", "gap_ratio")

    scores = pd.read_parquet(output / "scores.parquet")
    assert set(scores.groupby("method").size()) == {len(judged)}
    ours = scores[scores["method"] == "ours"]
    brier = np.mean((ours["probability"] - ours["churned"].astype(float)) ** 2)
    assert told["methods"]["ours"]["brier"] == pytest.approx(brier, abs=1e-6)
    assert (output / "reliability.png").read_bytes()[:4] == b"\x89PNG"


def test_what_is_judged_is_the_method_of_the_registered_model_and_no_choice_of_the_evaluation(
    history: pd.DataFrame, tmp_path: Path
) -> None:
    settings = Settings(horizon_days=60, rounds=40, learning_rate=0.15)
    known = history[history["as_of"] <= history["as_of"].max() - pd.Timedelta(days=60)]
    assert Churner.fitted(known, settings).choice.method == "blend"  # left to itself, it would take the other
    found = evaluation.evaluate(history, settings, AS_OF.isoformat(), "logistic")
    assert found.document["chosen"] == "logistic"
    assert found.document["why"].startswith("the method of the model that is judged: log loss 0.")
    scores = found.scores.pivot(index="customer_id", columns="method", values="probability")
    # Calibration may shift logistic regression's probabilities; it keeps their order.
    assert scores["ours"].rank().corr(scores["logistic"].rank()) > 0.999
    both = evaluation.evaluate(history, settings, AS_OF.isoformat(), "blend").document
    assert both["chosen"] == "blend"
    assert both["methods"]["ours"]["log_loss"] != found.document["methods"]["ours"]["log_loss"]


def test_an_unknown_method_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        evaluate.main([*ASKED, "--method", "rfm_rule"])
    assert "invalid choice: 'rfm_rule'" in capsys.readouterr().err


def test_a_file_of_customers_gets_a_row_each_with_probability_and_reasons(
    model: Loaded, future: pd.DataFrame
) -> None:
    buffer = io.BytesIO()
    future.to_parquet(buffer, index=False)
    found = pd.read_parquet(
        io.BytesIO(output_fn(predict_fn(input_fn(buffer.getvalue(), PARQUET), model), PARQUET))
    )
    assert found["customer_id"].tolist() == future["customer_id"].tolist()
    assert found["customer_key"].tolist() == future["customer_key"].tolist()
    assert set(found["as_of"]) == {AS_OF}
    assert found["probability"].between(0, 1).all()
    told = [json.loads(text) for text in found["reasons"]]
    assert all(len(ones) == 3 and len(set(ones)) == 3 for ones in told)
    likely = told[int(found["probability"].argmax())]
    row = future.iloc[int(found["probability"].argmax())]
    assert any(f"last order {row['recency_days']} days ago" in one and "raises" in one for one in likely)


def test_one_customer_gets_from_the_endpoint_what_the_file_got(model: Loaded, future: pd.DataFrame) -> None:
    all_of_them = predict_fn(future, model)
    (found,) = answer({"instances": [instance(future, 3)]}, model)
    assert found["customer_id"] == future.loc[3, "customer_id"]
    assert found["probability"] == pytest.approx(all_of_them.loc[3, "probability"], abs=1e-9)
    assert found["reasons"] == all_of_them.loc[3, "reasons"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gap_ratio": ...}, "column 'gap_ratio' is missing"),
        ({"orders": "many"}, "column 'orders' of instance 0 is 'many', not a number"),
        ({"orders": None}, "column 'orders' of instance 0 is nan; a number is needed"),
        ({"amount": float("nan")}, "column 'amount' of instance 0 is nan"),
        ({"amount": float("inf")}, "column 'amount' of instance 0 is inf"),
        ({"amount": 10**400}, "column 'amount' of instance 0 is a number of 401 digits, too great"),
        ({"mean_gap_days": -(10**400)}, "column 'mean_gap_days' of instance 0 is a number of 401 digits"),
        ({"orders_30d": [1]}, r"column 'orders_30d' of instance 0 is \[1\], not a number"),
    ],
)
def test_a_bad_value_is_answered_with_400_and_the_column(
    model: Loaded, future: pd.DataFrame, change: dict[str, object], message: str
) -> None:
    one = {name: value for name, value in (instance(future) | change).items() if value is not ...}
    with pytest.raises(BadRequest, match=message) as error:
        answer({"instances": [one]}, model)
    assert error.value.status_code == 400
    assert str(error.value) == error.value.message


def test_a_value_that_may_be_unknown_may_be_null(model: Loaded, future: pd.DataFrame) -> None:
    (found,) = answer({"instances": [instance(future) | {"mean_gap_days": None, "is_active": None}]}, model)
    assert 0 < found["probability"] < 1


@pytest.mark.parametrize("body", ["{", "[]", '{"instances": []}', '{"instances": [3]}', '{"rows": [{}]}'])
def test_what_is_no_request_is_answered_with_400(model: Loaded, body: str) -> None:
    with pytest.raises(BadRequest) as error:
        answer(body, model)
    assert error.value.status_code == 400


def test_other_kinds_of_content_are_named() -> None:
    with pytest.raises(BadRequest, match="text/csv") as error:
        input_fn("1,2", "text/csv")
    assert error.value.status_code == 415
    with pytest.raises(BadRequest, match="no Parquet") as error:
        input_fn(b"PAR1", PARQUET)
    assert error.value.status_code == 400
    with pytest.raises(BadRequest, match="image/png") as error:
        output_fn(pd.DataFrame(), "image/png")
    assert error.value.status_code == 406


def test_the_container_is_given_an_error_of_its_own_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its server asks for this class, and answers any other exception with 500."""

    class BaseInferenceToolkitError(Exception):
        def __init__(self, status_code: int, message: str, phrase: str) -> None:
            self.status_code, self.message, self.phrase = status_code, message, phrase
            super().__init__(status_code, message, phrase)

    errors = types.ModuleType("sagemaker_inference.errors")
    errors.BaseInferenceToolkitError = BaseInferenceToolkitError
    monkeypatch.setitem(sys.modules, "sagemaker_inference", types.ModuleType("sagemaker_inference"))
    monkeypatch.setitem(sys.modules, "sagemaker_inference.errors", errors)
    there = importlib.util.module_from_spec(importlib.util.find_spec("jobs.sagemaker.churn.request"))
    there.__spec__.loader.exec_module(there)
    error = there.BadRequest("column 'orders' is missing")
    assert isinstance(error, BaseInferenceToolkitError)
    assert (error.status_code, error.phrase, str(error)) == (400, "column 'orders' is missing", error.message)


def test_the_code_in_the_model_starts_alone(folder: Path, future: pd.DataFrame) -> None:
    body = json.dumps({"instances": [instance(future, 3)]})
    program = (
        "import sys, inference as i\n"
        f"print(i.output_fn(i.predict_fn(i.input_fn(sys.argv[1], {JSON!r}), i.model_fn('..')), {JSON!r}))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, body],
        cwd=folder / "model" / "code",
        capture_output=True,
        text=True,
        env={"PATH": "", "PYTHONPATH": "."},
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["predictions"][0]["customer_id"] == future.loc[3, "customer_id"]
