"""A program that fails leaves its reason where SageMaker looks for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from jobs.sagemaker import evaluate, last_words, train
from jobs.sagemaker.churn import evaluate as churn_evaluate
from jobs.sagemaker.churn import train as churn_train

DAY = ["--as-of", "2026-03-02"]
JUDGED = [*DAY, "--method", "blend"]


@pytest.fixture
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of a job without any rows."""
    (tmp_path / "processing" / "input" / "features").mkdir(parents=True)
    monkeypatch.delenv("SM_OUTPUT_DIR", raising=False)
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    monkeypatch.setenv("SM_CHANNEL_FEATURES", str(tmp_path / "processing" / "input" / "features"))
    return tmp_path / "output"


@pytest.mark.parametrize(
    ("program", "arguments", "file", "why"),
    [
        (train.main, DAY, "failure", "FeaturesError: "),
        (evaluate.main, DAY, "message", "FeaturesError: "),
        (churn_train.main, DAY, "failure", "FileNotFoundError: "),
        (churn_evaluate.main, JUDGED, "message", "FileNotFoundError: "),
    ],
)
def test_each_program_says_why_it_failed(
    output: Path, program: Callable[[Sequence[str]], None], arguments: list[str], file: str, why: str
) -> None:
    with pytest.raises(Exception, match="no Parquet file") as error:
        program(arguments)
    assert (output / file).read_text() == f"{why}{error.value}"
    assert [path.name for path in output.iterdir()] == [file]


def test_training_has_a_folder_of_its_own(
    output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SM_OUTPUT_DIR", str(tmp_path / "elsewhere"))
    with pytest.raises(FileNotFoundError):
        churn_train.main(DAY)
    assert (tmp_path / "elsewhere" / "failure").read_text().startswith("FileNotFoundError: ")


def test_a_reason_is_cut_to_what_sagemaker_takes_and_never_hides_the_error(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @last_words.kept_in(last_words.PROCESSING)
    def failing(words: str) -> None:
        raise ValueError(words)

    with pytest.raises(ValueError, match="x"):
        failing("x" * 5000)
    assert (output / "message").read_text() == f"ValueError: {'x' * 1012}"
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", "/proc/nowhere")
    with pytest.raises(ValueError, match="the error itself"):
        failing("the error itself")


def test_a_program_that_ends_well_leaves_nothing(output: Path) -> None:
    assert last_words.kept_in(last_words.PROCESSING)(lambda number: number + 1)(2) == 3
    assert not output.exists()
