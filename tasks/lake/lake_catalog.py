"""The Glue catalog with a known outcome for every commit: committed, not committed, or reported as uncertain.

pyiceberg deletes the manifests of a commit that Glue refused. That is correct only if the request was sent once,
because repeating a commit that succeeded is refused too. So each commit is sent once, and after any answer the table is
read to see what happened, as Apache Iceberg's own GlueTableOperations does. Files are deleted only if the commit
certainly failed.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.exceptions import CommitFailedException, NoSuchTableError

from tasks.errors import HighwaterError, Uncertain, aws_failures, from_aws
from tasks.events import log
from tasks.services import aws

if TYPE_CHECKING:
    from mypy_boto3_glue.type_defs import TableInputTypeDef, TableTypeDef

LOOK_AGAIN_AFTER = (0.0, 1.0, 2.0)
"""A request whose connection was cut may still be under way to the table."""
_LOCATION = "metadata_location"
_REFUSED_FOR_ANOTHER = "ConcurrentModificationException"


class LakeCatalog(GlueCatalog):
    """A Glue catalog that sends each commit once. A client may repeat CreateTable: an existing table is then used."""

    def _update_glue_table(
        self, database_name: str, table_name: str, table_input: TableInputTypeDef, version_id: str
    ) -> None:
        try:
            aws.glue_once().update_table(
                DatabaseName=database_name, TableInput=table_input, VersionId=version_id, SkipArchive=True
            )
        except (ClientError, BotoCoreError) as error:
            self._settle(error, database_name, table_name, table_input["Parameters"][_LOCATION], version_id)

    def _settle(self, error: Exception, database: str, name: str, ours: str, version_id: str) -> None:
        """Return if the commit succeeded after all; otherwise raise an error that says what is known about it."""
        doing = f"committing to {database}.{name}"
        failure = from_aws(error, doing)
        for seconds in LOOK_AGAIN_AFTER if isinstance(failure, Uncertain) else (0.0,):
            time.sleep(seconds)
            now = self._now(failure, database, name)
            if self._holds(now, ours):
                log(
                    "a commit succeeded although its answer was an error",
                    table=f"{database}.{name}",
                    error=error,
                )
                return
            if (
                now.get("VersionId") != version_id
            ):  # Glue takes a commit only on top of the version that it names
                raise CommitFailedException(
                    f"another commit to {database}.{name} was faster: it is at version {now.get('VersionId')}, no "
                    f"longer at {version_id}"
                ) from error
        if _is_concurrent(error):
            raise CommitFailedException(f"Glue refused the commit to {database}.{name}: {error}") from error
        if isinstance(failure, Uncertain):
            raise Uncertain(
                f"{doing}: {error}. The commit may have succeeded, or may still do so; none of its files were deleted. "
                "Run it again: it checks first whether the commit is there."
            ) from error
        raise error

    def _now(self, failure: HighwaterError, database: str, name: str) -> TableTypeDef:
        """The table as it is now. If it cannot be read, the commit is uncertain, whatever Glue answered."""
        try:
            with aws_failures(f"looking whether the commit to {database}.{name} landed"):
                return self._get_glue_table(database, name)
        except NoSuchTableError as gone:
            raise CommitFailedException(f"{database}.{name} was dropped in the meantime") from gone
        except HighwaterError as error:
            raise Uncertain(f"{failure} Whether it succeeded is unknown: {error}") from error

    def _holds(self, table: TableTypeDef, ours: str) -> bool:
        """Whether the table contains the commit, as its newest or with later commits on top."""
        parameters: dict[str, Any] = dict(table.get("Parameters") or {})
        if parameters.get(_LOCATION) == ours:
            return True
        log_entries = self._convert_glue_to_iceberg(table).metadata.metadata_log
        return any(entry.metadata_file == ours for entry in log_entries)


def _is_concurrent(error: Exception) -> bool:
    return isinstance(error, ClientError) and error.response["Error"]["Code"] == _REFUSED_FOR_ANOTHER
