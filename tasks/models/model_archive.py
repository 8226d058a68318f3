"""What a training wrote about its model: metadata.json in the model's archive."""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any

from tasks.errors import SystemFault
from tasks.services import objects

METADATA = "metadata.json"


def metadata_entry(model_data: str, name: str) -> Any:
    """An entry of the metadata of the model at this address. Raises SystemFault if there is none."""
    body = objects.read(model_data)
    try:
        with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as archive:
            member = archive.extractfile(METADATA)
            return json.load(member)[name]  # type: ignore[arg-type]
    except (KeyError, TypeError, ValueError, tarfile.TarError) as error:
        raise SystemFault(
            f"{model_data} has no {METADATA} with {name!r}: {error!r}. Train a new model."
        ) from error
