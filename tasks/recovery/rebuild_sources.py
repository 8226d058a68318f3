"""Whether all that a rebuild reads can be reached, asked before anything is loaded."""

from __future__ import annotations

from tasks.errors import HighwaterError, SystemFault
from tasks.services import objects, secrets
from tasks.settings import settings


def require() -> None:
    """Raises SystemFault that lists every setting whose bucket or secret cannot be read."""
    known = settings()
    faults = [
        *_unreadable("HIGHWATER_LAKE_BUCKET", f"s3://{known.lake_bucket}/raw/"),
        *_unreadable("HIGHWATER_INBOX_BUCKET", f"s3://{known.inbox_bucket}/history/"),
        *_without_key(),
    ]
    if faults:
        raise SystemFault(
            "\n- ".join(["what a rebuild reads is not there, and nothing was changed:", *faults])
        )


def _unreadable(setting: str, prefix: str) -> list[str]:
    try:
        next(objects.listed(prefix), None)
    except HighwaterError as error:
        return [f"{setting}: {error}"]
    return []


def _without_key() -> list[str]:
    try:
        secrets.text(settings().hash_secret, "the key for hashes of personal data")
    except HighwaterError as error:
        return [f"HIGHWATER_HASH_SECRET: {error}"]
    return []
