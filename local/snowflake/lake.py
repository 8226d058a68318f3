"""File system that lets DuckDB read and write the lake's local S3.

DuckDB's own S3 reader is an extension that is downloaded from the internet. This one talks to the local endpoint.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from fsspec.implementations.arrow import ArrowFSWrapper
from pyarrow.fs import S3FileSystem

SMALL_BODY = 4 * 2**20
BODIES_KEPT = 64 * 2**20


class LakeFileSystem(ArrowFSWrapper):  # type: ignore[misc]  # fsspec is untyped
    protocol = "s3"

    def __init__(self, endpoint: str) -> None:
        lake = S3FileSystem(
            endpoint_override=endpoint,
            scheme="http",
            access_key="local",
            secret_key="local",  # noqa: S106  # the local S3 accepts any key
            region="ap-south-1",
            request_timeout=120,  # by default 3 s, which a busy machine takes for a part of a large file
        )
        super().__init__(lake)
        self._memory: _Memory | None = None

    @contextmanager
    def remembering(self) -> Iterator[None]:
        """Cache objects while one COPY runs, as DuckDB asks for each object about fifteen times."""
        self._memory = _Memory()
        try:
            yield
        finally:
            self._memory = None

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        memory = self._memory
        if memory is None:
            return dict(super().info(path, **options))
        name = self._strip_protocol(path)
        if name not in memory.infos:
            memory.infos[name] = dict(super().info(name, **options))
        return memory.infos[name]

    def mkdir(self, path: str, create_parents: bool = True, **options: Any) -> None:
        """S3 has no folders. Arrow would write empty objects that look like some."""

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """As mkdir."""

    def modified(self, path: str) -> Any:
        return self.info(path)["mtime"]

    def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        memory = self._memory
        if mode != "rb":
            return super()._open(path, mode, **options)
        if memory is None or self.info(path)["size"] > SMALL_BODY:
            return SharedFile(self.fs.open_input_file(path))
        body = memory.body(path)
        if body is None:
            with super()._open(path, mode, **options) as file:
                body = file.read()
            memory.keep(path, body)
        return SharedFile(pa.BufferReader(body))


class SharedFile(io.RawIOBase):
    """A file that several threads read at once. DuckDB gives them one file, and seeks and reads in two calls.

    A read continues where its own thread has sought. Without a seek it continues where the last read ended.
    """

    def __init__(self, file: pa.NativeFile) -> None:
        super().__init__()
        self._file = file
        self._size = file.size()
        self._next = 0
        self._lock = threading.Lock()
        self._sought = threading.local()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self.tell(), io.SEEK_END: self._size}[whence]
        self._sought.position = self._next = start + offset
        return self._next

    def tell(self) -> int:
        position: int | None = getattr(self._sought, "position", None)
        return self._next if position is None else position

    def read(self, size: int = -1) -> bytes:
        with self._lock:
            begin = self.tell()
            self._sought.position = None
            end = self._size if size < 0 else min(begin + size, self._size)
            self._next = max(begin, end)
        return bytes(self._file.read_at(end - begin, begin)) if begin < end else b""

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


class _Memory:
    def __init__(self) -> None:
        self.infos: dict[str, dict[str, Any]] = {}
        self._bodies: dict[str, bytes] = {}
        self._kept = 0
        self._lock = threading.Lock()

    def body(self, path: str) -> bytes | None:
        return self._bodies.get(path)

    def keep(self, path: str, body: bytes) -> None:
        with self._lock:
            if path not in self._bodies and self._kept + len(body) <= BODIES_KEPT:
                self._bodies[path] = body
                self._kept += len(body)
