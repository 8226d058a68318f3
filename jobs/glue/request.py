"""What a run of a Glue job is asked to do, and where it writes.

Glue passes each run its id. A run writes below folders of that name alone, so that two runs of one request, should a start
ever be doubled, share no file: whoever asked reads what the run that it knows by its id has written.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

_FIGURES = "figures.json"


@dataclass(frozen=True)
class Request:
    manifest: str
    figures_folder: str
    run: str

    @property
    def figures(self) -> str:
        return f"{self.own(self.figures_folder)}/{_FIGURES}"

    def own(self, folder: str) -> str:
        """This run's place below a folder."""
        return f"{folder.rstrip('/')}/{self.run}"


def parse(program: str, arguments: Sequence[str] | None) -> Request:
    """Further arguments that Glue adds for itself are ignored."""
    parser = argparse.ArgumentParser(prog=program, allow_abbrev=False)
    parser.add_argument("--manifest", required=True, help="s3:// address of what there is to do")
    parser.add_argument(
        "--figures", required=True, help="s3:// folder; the figures go to <folder>/<run>/figures.json"
    )
    parser.add_argument("--JOB_RUN_ID", required=True, help="the run's id; Glue passes it")
    given, _ = parser.parse_known_args(arguments)
    return Request(given.manifest, given.figures, given.JOB_RUN_ID)
