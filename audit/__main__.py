"""`python -m audit` (`make audit`): no known vulnerability in any lock without an explanation in audit/exceptions.toml.

Ends with 0 when that is so, with 1 when it is not, and with 3 when the advisories of a lock could not be reached: then
nothing is known, which is not the same as nothing found.
"""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path

from audit import exceptions, locks

ROOT = Path(__file__).parents[1]
FOUND, NOT_REACHED = 1, 3


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(prog="python -m audit", description=__doc__)
    parser.add_argument("--service", help="another address than api.osv.dev that answers like it")
    service = parser.parse_args(arguments).service
    advisories: list[locks.Advisory] = []
    unasked = 0
    for lock in locks.all_of(root):
        try:
            found = locks.known(root, lock, service)
        except locks.NotReached as reason:
            unasked += 1
            print(f"NOT AUDITED: {lock}: the advisories could not be reached: {reason}", file=sys.stderr)
            continue
        advisories += found
        print(f"{lock}: {len(found)} known")
    explained = exceptions.read(root / "audit" / "exceptions.toml")
    faults = [*exceptions.unexplained(advisories, explained, date.today())]
    if not unasked:
        faults += exceptions.unneeded(advisories, explained)
    for fault in faults:
        print(fault, file=sys.stderr)
    return FOUND if faults else NOT_REACHED if unasked else 0


if __name__ == "__main__":
    sys.exit(main())
