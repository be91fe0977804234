"""Containers, their files and their tensors."""

from __future__ import annotations

import ctypes
import enum
import functools
import os
from typing import TYPE_CHECKING, NamedTuple, Optional, Sequence, Union

from ._library import ErrorText, FileEntry, Options, TensorEntry, library

if TYPE_CHECKING:
    import numpy

Buffer = Union[bytes, bytearray, memoryview]

# ONNX's TensorProto.DataType: names, and what numpy calls them. Types that numpy does not have come as
# unsigned integers of their bits; elements of two or four bits share bytes.
_TYPES = {
    1: ("float32", "<f4"), 2: ("uint8", "u1"), 3: ("int8", "i1"), 4: ("uint16", "<u2"),
    5: ("int16", "<i2"), 6: ("int32", "<i4"), 7: ("int64", "<i8"), 8: ("string", ""),
    9: ("bool", "?"), 10: ("float16", "<f2"), 11: ("float64", "<f8"), 12: ("uint32", "<u4"),
    13: ("uint64", "<u8"), 14: ("complex64", "<c8"), 15: ("complex128", "<c16"),
    16: ("bfloat16", "<u2"), 17: ("float8e4m3fn", "u1"), 18: ("float8e4m3fnuz", "u1"),
    19: ("float8e5m2", "u1"), 20: ("float8e5m2fnuz", "u1"), 21: ("uint4", ""), 22: ("int4", ""),
    23: ("float4e2m1", ""), 24: ("float8e8m0", "u1"), 25: ("uint2", ""), 26: ("int2", ""),
}


class Status(enum.IntEnum):
    """What kind of failure an Error is."""

    USAGE = 2
    FILE = 3
    CORRUPT = 4
    UNSUPPORTED = 5
    LIMIT = 6
    MEMORY = 8


class Error(Exception):
    """A container that cannot be read; the text says what is wrong and where."""

    def __init__(self, status: Status, text: str):
        super().__init__(text)
        self.status = status


class File(NamedTuple):
    """A file of the model. The first is the .onnx file; the others hold its external data."""

    path: str
    size: int


class Tensor(NamedTuple):
    """A tensor of the model: sizes are in bytes, `layout` is how it is stored."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    size: int
    stored_size: int
    layout: str


def _check(call, *arguments) -> None:
    error = ErrorText()
    if call(*arguments, ctypes.byref(error)) != 0:
        raise Error(Status(error.status), error.text.decode("ascii", "replace"))


def _new_bytes(size: int, fill) -> bytes:
    """Bytes that fill(address) writes, without a copy."""
    make = ctypes.pythonapi.PyBytes_FromStringAndSize
    make.restype = ctypes.py_object
    make.argtypes = [ctypes.c_void_p, ctypes.c_ssize_t]
    address = ctypes.pythonapi.PyBytes_AsString
    address.restype = ctypes.c_void_p
    address.argtypes = [ctypes.py_object]
    made = make(None, size)
    fill(address(made))
    return made


class _Buffer:
    """The address of a caller's bytes, which stay where they are as long as this."""

    def __init__(self, source: Buffer):
        self._view = memoryview(source).cast("B")
        self.size = self._view.nbytes
        if self._view.readonly:
            # ctypes takes addresses of writable buffers only.
            self._bytes = source if isinstance(source, bytes) else bytes(self._view)
            self.address = ctypes.cast(ctypes.c_char_p(self._bytes), ctypes.c_void_p)
        else:
            self._bytes = (ctypes.c_char * self.size).from_buffer(self._view)
            self.address = ctypes.cast(self._bytes, ctypes.c_void_p)


class Container:
    """An open container; use it in a `with` statement, or close() it.

    source: a path, or the container itself as bytes or anything with a buffer.
    base: for an update, the model that it was made from: the bytes of its .onnx file, or those of
        all its files in a list, as `base_files` has them.
    max_memory: bytes that reading it may take beside what is returned; 0 is 128 MiB, or 16 times
        the container where that is more.

    Raises Error. Safe on several threads, but for close().
    """

    def __init__(self, source: Union[str, os.PathLike, Buffer], *,
                 base: Union[Buffer, Sequence[Buffer], None] = None, max_memory: int = 0):
        self._handle = ctypes.c_void_p()
        options = Options(max_memory=max_memory)
        if isinstance(source, (str, os.PathLike)):
            _check(library.qcompress_open_file, os.fsencode(source), ctypes.byref(options),
                   ctypes.byref(self._handle))
        else:
            self._source = _Buffer(source)
            _check(library.qcompress_open_memory, self._source.address, self._source.size,
                   ctypes.byref(options), ctypes.byref(self._handle))
        if base is not None:
            self._set_base(list(base) if isinstance(base, (list, tuple)) else [base])

    def _set_base(self, files: list[Buffer]) -> None:
        self._base = [_Buffer(file) for file in files]
        if [buffer.size for buffer in self._base] != [file.size for file in self.base_files]:
            raise Error(Status.USAGE, "the base is not the model that it updates")
        addresses = (ctypes.c_void_p * len(files))(*(buffer.address for buffer in self._base))
        _check(library.qcompress_set_base, self._handle, addresses, len(files))

    def close(self) -> None:
        """Gives back what the container takes. Once; later calls do nothing."""
        handle, self._handle = self._handle, ctypes.c_void_p()
        library.qcompress_close(handle)

    def __enter__(self) -> Container:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self.close()

    def _open_handle(self) -> ctypes.c_void_p:
        if not self._handle:
            raise ValueError("the container is closed")
        return self._handle

    @functools.cached_property
    def files(self) -> tuple[File, ...]:
        """The files of the model, the .onnx file first."""
        return self._list_files(library.qcompress_file_count, library.qcompress_get_file)

    def _list_files(self, count, get) -> tuple[File, ...]:
        handle = self._open_handle()
        entry = FileEntry()
        files = []
        for index in range(count(handle)):
            get(handle, index, ctypes.byref(entry))
            files.append(File(os.fsdecode(entry.path), entry.size))
        return tuple(files)

    @functools.cached_property
    def base_files(self) -> tuple[File, ...]:
        """Of an update, the files of the model that it was made from."""
        return self._list_files(library.qcompress_base_count, library.qcompress_get_base)

    @functools.cached_property
    def tensors(self) -> tuple[Tensor, ...]:
        """The tensors of the model, in its order."""
        handle = self._open_handle()
        entry = TensorEntry()
        tensors = []
        for index in range(library.qcompress_tensor_count(handle)):
            library.qcompress_get_tensor(handle, index, ctypes.byref(entry))
            name, _ = _TYPES.get(entry.type, (f"type {entry.type}", ""))
            tensors.append(Tensor(entry.name.decode("utf-8", "replace"), name,
                                  tuple(entry.shape[: entry.rank]), entry.size, entry.stored_size,
                                  entry.layout.decode()))
        return tuple(tensors)

    @functools.cached_property
    def _index(self) -> dict[str, int]:
        index: dict[str, int] = {}
        for number, tensor in enumerate(self.tensors):
            index.setdefault(tensor.name, number)
        return index

    def decode(self, name: str) -> Union[numpy.ndarray, memoryview]:
        """The elements of a tensor, decoded where they are returned.

        An array of numpy of the tensor's shape; without numpy, and for types of less than a byte,
        a memoryview of its bytes. Raises KeyError when there is no such tensor.
        """
        number = self._index[name]
        tensor = self.tensors[number]
        out = bytearray(tensor.size)
        if tensor.size > 0:
            target = (ctypes.c_char * tensor.size).from_buffer(out)
            _check(library.qcompress_decode_tensor, self._open_handle(), number, target,
                   tensor.size)
            del target
        kind = {name: kind for name, kind in _TYPES.values()}.get(tensor.dtype, "")
        try:
            import numpy
        except ImportError:
            return memoryview(out)
        if not kind:
            return memoryview(out)
        return numpy.frombuffer(out, dtype=kind).reshape(tensor.shape)

    def read_file(self, index: int = 0) -> bytes:
        """The bytes of a file, the very same that were packed."""
        file = self.files[index]
        index = range(len(self.files))[index]
        return _new_bytes(file.size, lambda address: _check(
            library.qcompress_read_file, self._open_handle(), index, address, file.size))

    def verify(self) -> None:
        """Decodes everything and compares all checksums. Raises Error."""
        _check(library.qcompress_verify, self._open_handle())

    def metadata(self, key: str) -> Optional[bytes]:
        """What was stored with the model under a key; None when there is nothing."""
        size = ctypes.c_size_t()
        address = library.qcompress_metadata(self._open_handle(), key.encode(), ctypes.byref(size))
        return None if address is None else ctypes.string_at(address, size.value)


def load(path: Union[str, os.PathLike], *, base: Union[Buffer, Sequence[Buffer], None] = None,
         max_memory: int = 0) -> bytes:
    """The .onnx file in a container, for onnxruntime.InferenceSession.

    The parameters are those of Container.

    Raises Error; ValueError for a model with external data, whose other files have to be on the disk:
    unpack it with the program, or write Container.files.
    """
    with Container(path, base=base, max_memory=max_memory) as container:
        if len(container.files) > 1:
            raise ValueError(f"{os.fspath(path)} holds a model with external data "
                             f"({container.files[1].path}); unpack it to files")
        return container.read_file()

