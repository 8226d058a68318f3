"""`python -m local`: the local cloud from the command line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import datetime

from local.cloud import AlreadyUnderWay, Cloud, down, up
from local.environment import MISLEADING, environment, shell_exports
from local.ports import PortTaken
from local.progress import timed_lines
from local.settings import LocalSettings
from local.supervisor import LOG_LINES_SHOWN, OtherSettings, PartFailed, State, Status, tail

_INTERRUPTED = 130
DEMO_DATA = ("sample", "completejourney")


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = _parser().parse_args(arguments)
    settings = LocalSettings()
    _enter(settings)
    try:
        return _COMMANDS[chosen.command](settings, chosen)
    except (PortTaken, PartFailed, OtherSettings, AlreadyUnderWay) as failure:
        print(failure, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return _INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="start what does not run yet, and fill it; harmless when all runs")
    demo = commands.add_parser("demo", help="up, then a data set through the pipeline, and what came of it")
    demo.add_argument("--data", choices=DEMO_DATA, default=DEMO_DATA[0], help="which data set")
    commands.add_parser("down", help="stop every process of it; the next `up` starts empty")
    commands.add_parser("status", help="what runs; exit code 1 unless all of it does")
    commands.add_parser("env", help='shell exports, for eval "$(python -m local env)"')
    sql = commands.add_parser("sql", help="run one statement on the local Snowflake")
    sql.add_argument("statement")
    sql.add_argument("--format", choices=("table", "csv"), default="table")
    shop = commands.add_parser("shop", help="fill the sample source SHOP, or let time go by in it")
    shop.add_argument("--advance", default="1d", help="how long: 1d, 12h, 30m")
    shop.add_argument("--seed", type=int, default=1)
    shop.add_argument("--customers", type=int, default=300, help="of the first filling")
    shop.add_argument("--days", type=int, default=90, help="of orders in the first filling")
    shop.add_argument("--now", type=datetime.fromisoformat, help="the present, in UTC, if not now")
    alerts = commands.add_parser("alerts", help="what was published to the alerts topic")
    alerts.add_argument("--drain", action="store_true", help="take the alerts out of the queue")
    logs = commands.add_parser("logs", help="the end of each part's log")
    logs.add_argument("part", nargs="?", help="only this part")
    logs.add_argument("--lines", type=int, default=LOG_LINES_SHOWN)
    return parser


def _enter(settings: LocalSettings) -> None:
    """Point clients in this process at this machine, whatever profile or proxy the user's shell sets."""
    for name in MISLEADING:
        os.environ.pop(name, None)
    os.environ.update(environment(settings))


def _up(settings: LocalSettings, _: argparse.Namespace) -> int:
    report = timed_lines()
    up(settings, report)
    report("the local cloud is up")
    print(f"Prefect UI  {settings.prefect_url}")
    print('SQL         python -m local sql "select …"')
    print('shell       eval "$(python -m local env)"')
    return 0


def _demo(settings: LocalSettings, chosen: argparse.Namespace) -> int:
    from local import demo_data

    report = timed_lines()
    data = demo_data.chosen(chosen.data)
    with demo_data.preparing(data, settings.cache):
        up(settings, report)
    from local.demo import DemoFailed, run_demo  # after `up`: the import reads Prefect's home
    from local.demo_inbox import InboxFailed

    try:
        run_demo(settings, report, data)
    except (DemoFailed, InboxFailed, demo_data.OtherData) as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


def _down(settings: LocalSettings, _: argparse.Namespace) -> int:
    down(settings, timed_lines())
    return 0


def _status(settings: LocalSettings, _: argparse.Namespace) -> int:
    statuses = Cloud(settings).status()
    for status in statuses:
        print(_described(status))
    return 0 if all(status.is_ready for status in statuses) else 1


def _described(status: Status) -> str:
    pid = f"pid {status.pid}" if status.pid else ""
    note = status.part.address
    if status.state is State.RUNNING and not status.is_ready:
        note = f"{note} does not answer".strip()
    if status.state is State.DIED:
        note = "`python -m local up` starts it again"
    return f"{status.part.name:<14} {status.state.value:<8} {pid:<12} {note}".rstrip()


def _env(settings: LocalSettings, _: argparse.Namespace) -> int:
    print(shell_exports(settings))
    return 0


def _sql(settings: LocalSettings, chosen: argparse.Namespace) -> int:
    from botocore.exceptions import BotoCoreError, ClientError
    from snowflake.connector.errors import Error

    from local.sql import query

    try:
        result = query(chosen.statement, settings)
    except Error as failure:
        print(failure.msg, file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError) as failure:
        print(
            f"the local cloud does not answer ({failure}): is it up? python -m local status", file=sys.stderr
        )
        return 1
    print(result.as_csv() if chosen.format == "csv" else result.as_table())
    return 0


def _shop(settings: LocalSettings, chosen: argparse.Namespace) -> int:
    from botocore.exceptions import BotoCoreError, ClientError
    from snowflake.connector.errors import Error

    from local.shop import change_shop, duration, summary
    from local.sql import connect

    try:
        by = duration(chosen.advance)
        with connect(settings) as connection:
            now, changes = change_shop(connection, by, chosen.seed, chosen.customers, chosen.now, chosen.days)
    except ValueError as failure:
        print(failure, file=sys.stderr)
        return 2
    except (Error, BotoCoreError, ClientError) as failure:
        print(
            f"the local cloud does not answer ({failure}): is it up? python -m local status", file=sys.stderr
        )
        return 1
    print(f"in the shop it is {now} (UTC)")
    print(summary(changes).as_table())
    return 0


def _alerts(settings: LocalSettings, chosen: argparse.Namespace) -> int:
    from botocore.exceptions import BotoCoreError, ClientError

    from local.alerts import published

    try:
        alerts = published(settings, drain=chosen.drain)
    except (BotoCoreError, ClientError) as failure:
        print(
            f"the local cloud does not answer ({failure}): is it up? python -m local status", file=sys.stderr
        )
        return 1
    for alert in alerts:
        print(alert)
    if not alerts:
        print("nothing was published", file=sys.stderr)
    return 0


def _logs(settings: LocalSettings, chosen: argparse.Namespace) -> int:
    files = sorted(settings.logs.glob(f"{chosen.part or '*'}.log"))
    for file in files:
        print(f"{file}\n{tail(file, chosen.lines)}")
    if not files:
        print(f"no such log in {settings.logs}", file=sys.stderr)
    return 0 if files else 1


_COMMANDS = {
    "up": _up,
    "demo": _demo,
    "down": _down,
    "status": _status,
    "env": _env,
    "sql": _sql,
    "shop": _shop,
    "alerts": _alerts,
    "logs": _logs,
}
