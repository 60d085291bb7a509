"""HDF5 files: written beside their target by one process, read by many, never changed."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h5py

from dashsearch.files import reading, replacing


@contextmanager
def writing_hdf5(target: str | os.PathLike[str]) -> Iterator[h5py.File]:
    """Give an open HDF5 file that becomes `target` if the block succeeds.

    Its temporary name belongs to one process, so that no other can open it for writing.

    Raises
    ------
    InputError
        If the disk is full, read-only or broken.
    """
    with replacing(target) as path, _Stream(path, "w+b") as stream:
        with h5py.File(stream, "w", libver="latest") as store:
            yield store
        if stream.fault is not None:
            raise stream.fault


@contextmanager
def reading_hdf5(path: str | os.PathLike[str]) -> Iterator[h5py.File]:
    """Open a finished HDF5 file for reading.

    Without a lock: a finished file is never changed, and some shared file systems know none.

    Raises
    ------
    InputError
        If the file is gone or damaged, or the disk fails while the block reads.
    """
    with reading(path), h5py.File(path, "r", locking=False) as store:
        yield store


class _Stream(io.FileIO):
    """A file that remembers the first error of writing and then takes everything.

    HDF5 2.0 ends the process with a segmentation fault when it closes a file that could not be
    written, so it must not learn of it.
    """

    fault: OSError | None = None

    def write(self, content: Any) -> int:
        """Write all of the content, or nothing any more."""
        view = memoryview(content).cast("B")
        done = 0
        try:
            while self.fault is None and done < len(view):
                done += super().write(view[done:])
        except OSError as error:
            self.fault = error
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Cut or lengthen the file."""
        try:
            if self.fault is None:
                super().truncate(size)
        except OSError as error:
            self.fault = error
        return self.tell() if size is None else size
