"""The feature group of customers: its state in SageMaker, held against the contract."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.shop.customer_features import EVENT_TIME, FEATURES, IDENTIFIER
from tasks.errors import SystemFault, aws_failures
from tasks.services import aws
from tasks.settings import settings


@dataclass(frozen=True)
class FeatureGroup:
    name: str
    location: str
    """The folder of the offline store's files in S3."""
    blocked: str = ""
    """Why rows do not reach the offline store, if SageMaker says so."""


def described() -> FeatureGroup:
    """The group as it is now. Raises SystemFault if it cannot take our records."""
    name = settings().feature_group
    with aws_failures(f"describing the feature group {name}"):
        found = aws.sagemaker().describe_feature_group(FeatureGroupName=name)
    status = found.get("FeatureGroupStatus")
    if status != "Created":
        raise SystemFault(
            f"the feature group {name} is {status}, not Created: {found.get('FailureReason', 'no reason is given')}. Wait "
            "until it is created, or deploy it again."
        )
    there = {
        definition["FeatureName"]: definition["FeatureType"] for definition in found["FeatureDefinitions"]
    }
    wrong = sorted(feature for feature, kind in FEATURES.items() if there.get(feature) != kind)
    keys = (found["RecordIdentifierFeatureName"], found["EventTimeFeatureName"])
    if wrong or keys != (IDENTIFIER, EVENT_TIME):
        raise SystemFault(
            f"the feature group {name} lacks features of the contract, or has them with another type: "
            f"{', '.join(wrong) or keys}. Deploy the group as contracts/shop/customer_features.py says."
        )
    location = found.get("OfflineStoreConfig", {}).get("S3StorageConfig", {}).get("ResolvedOutputS3Uri")
    if not location or not found.get("OnlineStoreConfig", {}).get("EnableOnlineStore"):
        raise SystemFault(f"the feature group {name} needs an online and an offline store: deploy it again.")
    state = found.get("OfflineStoreStatus", {})
    is_blocked = state.get("Status") == "Blocked"
    return FeatureGroup(
        name, location, state.get("BlockedReason", "no reason is given") if is_blocked else ""
    )
