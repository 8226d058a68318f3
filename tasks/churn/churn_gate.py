"""The gate of the churn model: how well it orders customers beside simple methods, and whether its probabilities are true.

Average precisions of different days are not comparable, because they depend on how many customers churn. When compared with
an approved model, a model's is therefore taken relative to the RFM rule's on the same customers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, Field

from tasks.errors import BusinessError, SystemFault
from tasks.models.verdicts import Approved, Verdict, all_passed, as_list, at_least, at_most, finite, ratio
from tasks.services import objects

OURS, RFM, LOGISTIC = "ours", "rfm_rule", "logistic"
FIGURES = ("average_precision", "auc", "log_loss", "brier", "ece", "lift10")


class ChurnGate(BaseModel):
    """What a churn model must achieve before it is registered and its scores are published."""

    skill_min: float = Field(
        default=0.015,
        ge=0,
        description="minimum relative gain in average precision over the RFM rule on the same customers (0.015 is 1.5%)",
    )
    beats_logistic: bool = Field(
        default=True,
        description="whether average precision and log loss must not be worse than those of logistic regression; not judged "
        "where that is the model",
    )
    ece_max: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=0.05,
        description="maximum calibration error: by how much probabilities and realised shares differ on average; none: not "
        "judged",
    )
    worse_max: float = Field(
        default=0.02,
        ge=0,
        description="maximum loss against the best approved model, in average precision relative to the RFM rule's (0.02 "
        "is 2%)",
    )
    compared_with: int = Field(
        default=12, ge=1, description="number of recent approved models of the same horizon to consider"
    )


@dataclass(frozen=True)
class ChurnEvaluation:
    """Every method's figures on the same customers of the same day. None: undefined."""

    methods: Mapping[str, Mapping[str, float | None]]
    rows: int
    churn_rate: float
    chosen: str
    """The method that was judged, as the training chose it: the blend, or logistic regression where that is better."""

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> ChurnEvaluation:
        methods = {
            name: {figure: finite(scores.get(figure)) for figure in FIGURES}
            for name, scores in document["methods"].items()
        }
        for name in (OURS, RFM, LOGISTIC):
            methods[name]
        return cls(methods, int(document["rows"]), float(document["churn_rate"]), str(document["chosen"]))

    @property
    def relative_precision(self) -> float | None:
        """Average precision divided by the RFM rule's. Above one is better."""
        return ratio(self.methods[OURS]["average_precision"], self.methods[RFM]["average_precision"])


def judge(gate: ChurnGate, evaluation: ChurnEvaluation, approved: Approved | None) -> list[Verdict]:
    """Apply every rule, even after one has failed. `approved` is None if no model is approved yet."""
    ours, logistic = evaluation.methods[OURS], evaluation.methods[LOGISTIC]
    relative = evaluation.relative_precision
    verdicts = [at_least("average precision over the RFM rule's", relative, 1 + gate.skill_min)]
    if gate.beats_logistic and evaluation.chosen != LOGISTIC:
        precision, loss = logistic["average_precision"], logistic["log_loss"]
        verdicts += [
            at_least("average precision beside logistic regression", ours["average_precision"], precision),
            at_most("log loss beside logistic regression", ours["log_loss"], loss),
        ]
    if gate.ece_max is not None:
        verdicts.append(at_most("calibration error", ours["ece"], gate.ece_max))
    if approved is not None:
        limit = None if approved.best is None else approved.best * (1 - gate.worse_max)
        verdicts.append(
            at_least(
                "average precision over the RFM rule's, beside the best approved model's", relative, limit
            )
        )
    return verdicts


def require(verdicts: Iterable[Verdict], as_of: str) -> None:
    """Raise BusinessError with all figures if any rule failed."""
    verdicts = list(verdicts)
    if all_passed(verdicts):
        return
    raise BusinessError(
        f"the churn model of {as_of} did not pass the gate; it was not registered and no score was published, the last "
        f"scores stay:\n{as_list(verdicts)}\n"
        "Look at the run's page and at evaluation.json by segment. Where the RFM rule is as good as any method on this "
        "data, lower gate.skill_min. Where no approved model has its figure (limit unknown), reject them in the registry."
    )


def read_evaluation(address: str) -> ChurnEvaluation:
    """Read the evaluation job's report. Raises SystemFault if it does not have the expected form."""
    try:
        return ChurnEvaluation.read(json.loads(objects.read(address)))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SystemFault(f"{address} is not the evaluation that the gate reads: {error!r}") from error
