"""What a run made of a layer, as tables in the UI and as a sentence."""

from __future__ import annotations

from prefect.artifacts import create_table_artifact

from tasks.medallion.building import Built


def summary(built: Built) -> str:
    """A sentence on what changed."""
    changed = [
        f"{table} {figures['rows_added']:+,} -{figures['rows_removed']:,}"
        for table, figures in built.tables.items()
        if figures["rows_added"] or figures["rows_removed"]
    ]
    return f"{built.layer}: {', '.join(changed)}" if changed else f"{built.layer}: nothing changed"


def page(built: Built) -> None:
    """The rows that came and went, the checks, and the profile of what was computed."""
    if not built.tables:
        return
    create_table_artifact(
        key=built.layer,
        description=f"What the run made of {built.layer}.",
        table=[
            {
                "table": f"{built.layer}.{name}",
                "rows added": figures["rows_added"],
                "rows removed": figures["rows_removed"],
                "rows written again": figures["rows_survived"],
                "files added": len(figures["added"]),
                "files replaced": len(figures["removed"]),
            }
            for name, figures in built.tables.items()
        ],
    )
    create_table_artifact(
        key=f"{built.layer}-checks",
        description=f"What was checked of {built.layer} before it was published.",
        table=[check.row() for check in built.checks],
    )
    if profile := (built.figures or {}).get("profile"):
        create_table_artifact(
            key=f"{built.layer}-profile",
            description=f"The rows of {built.layer} that this run computed, column by column.",
            table=profile,
        )
