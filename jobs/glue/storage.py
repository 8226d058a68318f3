"""Access files through Hadoop's file systems, the one way to s3:// that works on Glue and on a laptop."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from jobs.glue.errors import DataError
from jobs.glue.jvm import HADOOP_PATH, java_class

MOVES_AT_ONCE = 16


class Storage:
    def __init__(self, spark: SparkSession) -> None:
        self._new_path: Any = java_class(spark, HADOOP_PATH)
        self._conf: Any = spark._jsc.hadoopConfiguration()

    def read_text(self, path: str) -> str:
        where, file_system = self._at(path)
        if not file_system.exists(where):
            raise DataError(f"{path} does not exist")
        stream = file_system.open(where)
        try:
            return bytes(stream.readAllBytes()).decode()
        finally:
            stream.close()

    def write_text(self, path: str, text: str) -> None:
        where, file_system = self._at(path)
        stream = file_system.create(where, True)
        stream.write(bytearray(text.encode()))
        stream.close()

    def remove(self, path: str) -> None:
        where, file_system = self._at(path)
        file_system.delete(where, True)

    def exists(self, path: str) -> bool:
        where, file_system = self._at(path)
        return bool(file_system.exists(where))

    def parquet_files(self, folder: str) -> list[str]:
        where, file_system = self._at(folder)
        if not file_system.exists(where):
            return []
        names = (str(status.getPath().getName()) for status in file_system.listStatus(where))
        return sorted(f"{folder}/{name}" for name in names if name.endswith(".parquet"))

    def folders(self, folder: str) -> list[str]:
        where, file_system = self._at(folder)
        statuses = file_system.listStatus(where)
        return sorted(f"{folder}/{status.getPath().getName()}" for status in statuses if status.isDirectory())

    def move_into(self, files: Iterable[str], folder: str, prefix: str = "") -> None:
        """Move files into a folder. On S3 that is a copy inside the store, not through this machine.

        Tasks that write to several folders name their files alike in each, so a prefix keeps them apart.
        """
        target, file_system = self._at(folder)
        file_system.mkdirs(target)

        def move(path: str) -> None:
            destination = self._path(f"{folder}/{prefix}{path.rpartition('/')[2]}")
            if not file_system.rename(self._path(path), destination):
                raise OSError(f"could not move {path} to {folder}")

        with ThreadPoolExecutor(MOVES_AT_ONCE) as pool:
            list(pool.map(move, files))

    def spellings(self, path: str) -> set[str]:
        """How Spark may return a path in _metadata.file_path: escaped as a URI, or without an empty authority."""
        escaped = str(self._path(path).toUri().toString())
        return {escaped, escaped.replace("file:///", "file:/", 1)}

    def spells_alike(self, path: str) -> bool:
        return not path.startswith("file:///") and str(self._path(path).toUri().toString()) == path

    def _path(self, path: str) -> Any:
        return self._new_path(path)

    def _at(self, path: str) -> tuple[Any, Any]:
        where = self._path(path)
        return where, where.getFileSystem(self._conf)


def failure(error: Exception) -> str:
    """The innermost cause in one line, or the innermost one that names a file."""
    lines = [str(error)]
    cause: Any = error.java_exception if isinstance(error, Py4JJavaError) else None
    while cause is not None:
        lines.append(str(cause.toString()))
        cause = cause.getCause()
    naming = [line for line in lines[1:] if ".parquet" in line]
    told = (naming or lines)[-1].strip().splitlines()
    return told[0] if told else type(error).__name__
