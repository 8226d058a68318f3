"""Stub for spark-submit: leases a warm JVM from the pool, or executes the real spark-submit.

It uses the standard library only, and runs in the run's process tree. PySpark waits for a file with the JVM's port
and secret, and keeps this process's standard input open as long as it lives.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
from pathlib import Path
from typing import Any

POOL = "HIGHWATER_SPARK_POOL"
CONNECTION = "_PYSPARK_DRIVER_CONN_INFO_PATH"
WAIT_SECONDS = 180  # long enough for a new JVM on a busy machine


def main() -> int:
    port, _, token = os.environ[POOL].partition(":")
    request = {
        "token": token,
        "arguments": sys.argv[1:],
        "environment": dict(os.environ),
        "directory": str(Path.cwd()),
    }
    answer = ask(int(port), request)
    if "spark_home" in answer:
        os.environ["SPARK_HOME"] = answer["spark_home"]
        program = str(Path(answer["spark_home"], "bin", "spark-submit"))
        os.execv(program, [program, *sys.argv[1:]])  # noqa: S606 - the real spark-submit
    if "error" in answer:
        print(answer["error"], file=sys.stderr)
        return 1
    tell_pyspark(Path(os.environ[CONNECTION]), answer["port"], answer["secret"])
    sys.stdin.buffer.read()
    return 0


def ask(port: int, request: dict[str, Any]) -> dict[str, Any]:
    with socket.create_connection(("127.0.0.1", port), timeout=WAIT_SECONDS) as connection:
        connection.sendall(json.dumps(request).encode() + b"\n")
        with connection.makefile() as answers:
            answer: dict[str, Any] = json.loads(answers.readline())
    return answer


def tell_pyspark(path: Path, port: int, secret: str) -> None:
    encoded = secret.encode()
    pending = path.with_suffix(".pending")
    pending.write_bytes(struct.pack("!ii", port, len(encoded)) + encoded)
    pending.replace(path)  # PySpark reads the file as soon as it exists


if __name__ == "__main__":
    sys.exit(main())
