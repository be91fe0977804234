"""The C interface of libqcompress (qcompress/qcompress.h), by ctypes."""

import ctypes
import os
import pathlib


class Options(ctypes.Structure):
    _fields_ = [
        ("max_memory", ctypes.c_uint64),
        ("allocate", ctypes.c_void_p),
        ("release", ctypes.c_void_p),
        ("context", ctypes.c_void_p),
    ]


class ErrorText(ctypes.Structure):
    _fields_ = [("status", ctypes.c_int), ("text", ctypes.c_char * 244)]


class FileEntry(ctypes.Structure):
    _fields_ = [("path", ctypes.c_char_p), ("size", ctypes.c_uint64)]


class TensorEntry(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("type", ctypes.c_int32),
        ("rank", ctypes.c_size_t),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("size", ctypes.c_uint64),
        ("stored_size", ctypes.c_uint64),
        ("layout", ctypes.c_char_p),
    ]


# For each function its result and its arguments.
_FUNCTIONS = {
    "open_file": (ctypes.c_int, [ctypes.c_char_p, ctypes.POINTER(Options),
                                 ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ErrorText)]),
    "open_memory": (ctypes.c_int, [ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(Options),
                                   ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ErrorText)]),
    "close": (None, [ctypes.c_void_p]),
    "file_count": (ctypes.c_size_t, [ctypes.c_void_p]),
    "get_file": (ctypes.c_int, [ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(FileEntry)]),
    "read_file": (ctypes.c_int, [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p,
                                 ctypes.c_size_t, ctypes.POINTER(ErrorText)]),
    "base_count": (ctypes.c_size_t, [ctypes.c_void_p]),
    "get_base": (ctypes.c_int, [ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(FileEntry)]),
    "set_base": (ctypes.c_int, [ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p), ctypes.c_size_t,
                                ctypes.POINTER(ErrorText)]),
    "tensor_count": (ctypes.c_size_t, [ctypes.c_void_p]),
    "get_tensor": (ctypes.c_int, [ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(TensorEntry)]),
    "decode_tensor": (ctypes.c_int, [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p,
                                     ctypes.c_size_t, ctypes.POINTER(ErrorText)]),
    "verify": (ctypes.c_int, [ctypes.c_void_p, ctypes.POINTER(ErrorText)]),
    "metadata": (ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p,
                                   ctypes.POINTER(ctypes.c_size_t)]),
}


def _open():
    """The library beside this file, else one of the system; QCOMPRESS_LIBRARY names another."""
    beside = pathlib.Path(__file__).parent / "libqcompress.so"
    name = os.environ.get("QCOMPRESS_LIBRARY") or (beside if beside.exists() else "libqcompress.so.0")
    library = ctypes.CDLL(str(name))
    for function, (result, arguments) in _FUNCTIONS.items():
        entry = getattr(library, "qcompress_" + function)
        entry.restype = result
        entry.argtypes = arguments
    return library


library = _open()
