"""Reads .qc containers: ONNX models packed by the program qcompress."""

from ._container import Container, Error, File, Status, Tensor, load
from ._program import inspect, pack

__all__ = ["Container", "Error", "File", "Status", "Tensor", "inspect", "load", "pack"]
