"""Scores are published with one horizon at a time: that of the newest approved model.

The probability of churn within 30 days looks like that within 90 days, and means something else. So a run with another
horizon is refused, unless it sets change_horizon. The scores of such a run are published once its model is approved.
"""

from __future__ import annotations

from tasks.churn.churn_models import HORIZON_DAYS, registry
from tasks.errors import BusinessError
from tasks.models.model_registry import AS_OF, ModelVersion

_WHERE = "the horizon of gold.customer_analytics.churn_probability and ML_OUTPUTS.CHURN_PREDICTIONS"


def in_force() -> ModelVersion | None:
    """The model whose horizon the scores have: the newest approved one, or the newest pending one if none is approved."""
    return registry().newest("Approved") or registry().newest("PendingManualApproval")


def require_same(horizon_days: int) -> None:
    """Raise BusinessError if the scores have another horizon than this."""
    if (other := _other(horizon_days)) is not None:
        raise BusinessError(
            f"horizon_days is {horizon_days}, and model {other.name} ({other.status}) predicts "
            f"{other.metadata[HORIZON_DAYS]} days, {_WHERE}. Nothing was computed. Run with "
            f"horizon_days={other.metadata[HORIZON_DAYS]}, or with change_horizon to change it."
        )


def require_in_force(model: ModelVersion, horizon_days: int) -> None:
    """Raise BusinessError if the scores have another horizon than the model that is about to publish some."""
    if (other := _other(horizon_days)) is not None:
        raise BusinessError(
            f"model {model.name} ({model.status}) predicts {horizon_days} days, and model {other.name} ({other.status}) of "
            f"{other.metadata.get(AS_OF)} predicts {other.metadata[HORIZON_DAYS]} days, {_WHERE}. The scores of "
            f"{model.name} were not published. To change the horizon, approve {model.name} in the registry, and run a day "
            f"that is no earlier than that of {other.name} again with change_horizon."
        )


def _other(horizon_days: int) -> ModelVersion | None:
    model = in_force()
    alike = model is None or model.metadata.get(HORIZON_DAYS) in (None, str(horizon_days))
    return None if alike else model
