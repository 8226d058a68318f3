"""`python -m local.aws --port 4601 --state .local`: run the local AWS server until SIGTERM."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from pathlib import Path

import structlog

from local.aws.server import AwsPortTakenError, LocalAws
from local.aws.spark_conf import SparkTuning


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    default = SparkTuning()
    parser = argparse.ArgumentParser(prog="python -m local.aws", description=__doc__)
    parser.add_argument("--port", type=int, default=4601)
    parser.add_argument("--state", type=Path, default=Path(".local"))
    parser.add_argument("--logs", type=Path, help="directory of the jobs' logs (default: <state>/logs)")
    parser.add_argument(
        "--spark-driver-memory",
        default=os.environ.get("HIGHWATER_LOCAL_SPARK_DRIVER_MEMORY", default.driver_memory),
        help="memory of the Spark driver of each Glue run (default: %(default)s)",
    )
    parser.add_argument(
        "--spark-cores",
        type=int,
        default=int(os.environ.get("HIGHWATER_LOCAL_SPARK_CORES", default.cores)),
        help="cores of each Glue run (default: %(default)s)",
    )
    parser.add_argument(
        "--spark-warm-jvms",
        type=int,
        default=int(os.environ.get("HIGHWATER_LOCAL_SPARK_WARM_JVMS", default.warm_jvms)),
        help="JVMs that are kept for the next Glue run; 0: a JVM of its own for each run (default: %(default)s)",
    )
    parser.add_argument(
        "--offline-store-seconds",
        type=float,
        default=float(os.environ.get("HIGHWATER_LOCAL_OFFLINE_STORE_SECONDS", 1)),
        help="how late rows of feature groups reach S3 (default: %(default)s)",
    )
    return parser.parse_args(argv)


def log_one_line_per_event() -> None:
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("local").setLevel(logging.INFO)


def main() -> int:
    chosen = arguments()
    log_one_line_per_event()
    stop_wanted = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop_wanted.set())
    tuning = SparkTuning(
        cores=chosen.spark_cores,
        driver_memory=chosen.spark_driver_memory,
        warm_jvms=chosen.spark_warm_jvms,
    )
    try:
        server = LocalAws(
            chosen.port,
            chosen.state,
            tuning,
            logs=chosen.logs,
            offline_store_seconds=chosen.offline_store_seconds,
        )
    except AwsPortTakenError as error:
        print(error, file=sys.stderr)
        return 1
    server.start()
    stop_wanted.wait()
    server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
