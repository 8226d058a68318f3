"""An S3 object as a file of which only the parts that are read are fetched."""

from __future__ import annotations

import io

from tasks.services import objects


class Ranges(io.RawIOBase):
    """Each read is a request. Meant for readers that read a few large parts, as those of Parquet do."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address, self._at = address, 0
        self._size = objects.head(address).size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        end = self._size if size < 0 else min(self._at + size, self._size)
        if end <= self._at:
            return b""
        found = objects.part(self._address, self._at, end)
        self._at += len(found)
        return found
