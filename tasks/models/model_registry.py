"""The model registry: SageMaker model packages in groups, each with its origin and figures, for people to approve.

A package stores the key of the work that produced it, so that registering twice creates one version.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import BaseModel, Field

from tasks.errors import aws_failures
from tasks.events import log
from tasks.services import aws
from tasks.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import InferenceSpecificationTypeDef

CONTENT_TYPE = "application/x-parquet"
Status = Literal["PendingManualApproval", "Approved", "Rejected"]
AS_OF = "as_of"
HORIZON_WEEKS = "horizon_weeks"
ROLLED_BACK = "rolled_back"
"""The entry of a version that was taken out of service: by which run, and why. It is not tried again while it has it."""
_WORK = "work"
_VALUE_MOST = 256
_NOT_IN_VALUES = re.compile(r"[^\w\s.:/=+@-]")  # SageMaker refuses other characters


class Registration(BaseModel):
    """What to do with a model that passed the gate."""

    auto_approve: bool = Field(
        default=False,
        description="approve the model at once; otherwise it is registered as PendingManualApproval",
    )
    wait_for_approval: bool = Field(
        default=False,
        description="pause the run until a person approves or rejects the model on the run's page; a rejected model's "
        "predictions are not published",
    )
    wait_hours: float = Field(default=24, gt=0, le=72, description="how long to wait for approval, in hours")


@dataclass(frozen=True)
class ModelVersion:
    arn: str
    number: int
    status: str
    metadata: Mapping[str, str]
    model_data: str
    image: str
    evaluation: str

    @property
    def name(self) -> str:
        """The version's name in the warehouse."""
        return f"v{self.number}"

    @property
    def rolled_back(self) -> str:
        """By which run the version was taken out of service, and why. Empty if it was not."""
        return self.metadata.get(ROLLED_BACK, "")

    def figure(self, name: str) -> float | None:
        return float(self.metadata[name]) if name in self.metadata else None


@dataclass(frozen=True)
class Registry:
    """The models of one model package group."""

    group: str
    what: str
    """What a model of the group predicts."""
    content_types: tuple[str, ...] = (CONTENT_TYPE,)
    alike: str = HORIZON_WEEKS
    """The entry of the metadata in which comparable models agree."""

    def newest(self, status: Status | None = None, like: object = None) -> ModelVersion | None:
        """The newest version, optionally of one status, or of those that agree in `alike`."""
        return next(iter(self.last(1, status, like)), None)

    def last(self, most: int | None, status: Status | None = None, like: object = None) -> list[ModelVersion]:
        """Up to `most` versions (None: all), newest first.

        Sorted by as-of day before version number: rerunning a past day creates the highest number, but not the newest model.
        """
        wanted = None if like is None else str(like)
        found = [
            v
            for v in self._versions()
            if status in (None, v.status) and wanted in (None, v.metadata.get(self.alike))
        ]
        return sorted(found, key=lambda v: (v.metadata.get(AS_OF, ""), v.number), reverse=True)[:most]

    def alike_names(self, model: ModelVersion) -> tuple[str, ...]:
        """The names of the model and of all other comparable versions that are not rejected."""
        kind = model.metadata.get(self.alike)
        others = (
            v for v in self._versions() if v.status != "Rejected" and v.metadata.get(self.alike) == kind
        )
        return (model.name, *(v.name for v in others if v.number != model.number))

    def register(
        self,
        work: str,
        model_data: str,
        image: str,
        evaluation: str,
        metadata: Mapping[str, str],
        status: Status,
    ) -> ModelVersion:
        """Register a model, unless this work has registered one already; returns that version."""
        if known := next((v for v in self._versions() if v.metadata.get(_WORK) == work), None):
            log("model already registered", version=known.number, status=known.status, work=work)
            return known
        types = list(self.content_types)
        inference: InferenceSpecificationTypeDef = {
            "Containers": [{"Image": image, "ModelDataUrl": model_data}],
            "SupportedContentTypes": types,
            "SupportedResponseMIMETypes": types,
            "SupportedTransformInstanceTypes": [cast("Any", settings().transform_instance)],
        }
        with aws_failures(f"registering a model in {self.group}"):
            created = aws.sagemaker().create_model_package(
                ModelPackageGroupName=self.group,
                ModelPackageDescription=f"{self.what}, as of {metadata.get(AS_OF, 'unknown')}",
                InferenceSpecification=inference,
                ModelMetrics={
                    "ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": evaluation}}
                },
                ModelApprovalStatus=status,
                CustomerMetadataProperties={_WORK: work, **metadata},
                ClientToken=work[:36],
            )
        made = _describe(created["ModelPackageArn"])
        log("model registered", version=made.number, status=made.status, work=work)
        return made

    def _versions(self) -> Iterator[ModelVersion]:
        """All versions, the latest number first."""
        with aws_failures(f"listing the models of {self.group}"):
            pages = (
                aws.sagemaker()
                .get_paginator("list_model_packages")
                .paginate(ModelPackageGroupName=self.group)
            )
            found = [package for page in pages for package in page["ModelPackageSummaryList"]]
        for package in sorted(found, key=lambda p: -int(p.get("ModelPackageVersion", 0))):
            yield _describe(package["ModelPackageArn"])


def current(model: ModelVersion) -> ModelVersion:
    """The model as it is in the registry now: somebody may have approved or rejected it meanwhile."""
    return _describe(model.arn)


def decide(model: ModelVersion, status: Literal["Approved", "Rejected"], why: str) -> ModelVersion:
    """Set the approval status, as decided by a person or by the run's auto_approve."""
    with aws_failures(f"setting {model.arn} to {status}"):
        aws.sagemaker().update_model_package(
            ModelPackageArn=model.arn,
            ModelApprovalStatus=status,
            ApprovalDescription=why[:1024],
        )
    return _describe(model.arn)


def mark_rolled_back(model: ModelVersion, run_id: str, why: str) -> ModelVersion:
    """Record on the version that it was taken out of service. Its approval and its other entries stay as they are."""
    value = " ".join(_NOT_IN_VALUES.sub(" ", f"run {run_id}: {why}").split())[:_VALUE_MOST].rstrip()
    with aws_failures(f"marking {model.arn} as rolled back"):
        aws.sagemaker().update_model_package(
            ModelPackageArn=model.arn,
            CustomerMetadataProperties={**_describe(model.arn).metadata, ROLLED_BACK: value},
        )
    log("model marked as rolled back", version=model.number, why=value)
    return _describe(model.arn)


def how_to_try_again(model: ModelVersion) -> str:
    return (
        "Approve a newer version, or remove the mark: aws sagemaker update-model-package --model-package-arn "
        f"{model.arn} --customer-metadata-properties-to-remove {ROLLED_BACK}"
    )


def _describe(arn: str) -> ModelVersion:
    with aws_failures(f"reading {arn}"):
        package = aws.sagemaker().describe_model_package(ModelPackageName=arn)
    container = package["InferenceSpecification"]["Containers"][0]
    return ModelVersion(
        arn=arn,
        number=int(package["ModelPackageVersion"]),
        status=package["ModelApprovalStatus"],
        metadata=dict(package.get("CustomerMetadataProperties") or {}),
        model_data=container["ModelDataUrl"],
        image=container["Image"],
        evaluation=package.get("ModelMetrics", {})
        .get("ModelQuality", {})
        .get("Statistics", {})
        .get("S3Uri", ""),
    )
