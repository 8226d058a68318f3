"""Parameters of a stack that keeps its previous values. moto forgets those that a stack was created with by default."""

from __future__ import annotations

from typing import Any

from moto.cloudformation.models import CloudFormationBackend, Stack

from local.aws.actions import Overrides


def install(overrides: Overrides) -> None:
    resolve = CloudFormationBackend._resolve_update_parameters

    def with_defaults(
        backend: CloudFormationBackend, instance: Any, incoming_params: list[dict[str, str]]
    ) -> dict[str, str]:
        if isinstance(instance, Stack):
            declared = instance.template_dict.get("Parameters", {})
            defaults = {name: each["Default"] for name, each in declared.items() if "Default" in each}
            instance.parameters = defaults | instance.parameters
            resources = instance.resource_map  # which compares, and would find each default changed
            resources.input_parameters = defaults | resources.input_parameters
        resolved: dict[str, str] = resolve(backend, instance, incoming_params)
        return resolved

    overrides.replace(CloudFormationBackend, "_resolve_update_parameters", with_defaults)
