"""Refuse to start if a port is in use."""

from __future__ import annotations

import socket
from collections.abc import Iterable

import psutil

from local.part import Part
from local.settings import LOOPBACK


class PortTaken(Exception):
    pass


def refuse_taken_ports(parts: Iterable[Part]) -> None:
    complaints = [_complaint(part) for part in parts if part.port is not None and is_taken(part.port)]
    if complaints:
        raise PortTaken("\n".join([*complaints, "Nothing was started."]))


def is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return True
    return False


def _complaint(part: Part) -> str:
    return (
        f"port {part.port}, which {part.name} needs, is taken by {holder(part.port or 0)}: "
        f"stop that, or set {part.port_setting} to a free port."
    )


def holder(port: int) -> str:
    """The process that listens on the port, as far as this user may see it."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                command = " ".join(psutil.Process(connection.pid).cmdline())
                return f"process {connection.pid} ({command[:120]})"
    except psutil.Error:
        return "another process"
    return "another process"
