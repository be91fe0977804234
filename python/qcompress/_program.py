"""What the program does, which has to be installed."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
from typing import Any, Union

Path = Union[str, os.PathLike]


def _run(*arguments: str) -> str:
    program = os.environ.get("QCOMPRESS", "qcompress")
    if shutil.which(program) is None:
        raise FileNotFoundError(f"{program} is not installed, or not on PATH (QCOMPRESS names it)")
    done = subprocess.run([program, *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"qcompress {arguments[0]}: {done.stderr.strip()}")
    return done.stdout


def pack(model: Path, output: Path, *, options: tuple[str, ...] = (),
         overwrite: bool = False) -> pathlib.Path:
    """Packs an .onnx file into a container and returns its path.

    options: flags of `qcompress pack`, such as ("--max",). Raises RuntimeError with what the program
    said.
    """
    flags = [*options, *(["-f"] if overwrite else [])]
    _run("pack", os.fspath(model), "-o", os.fspath(output), "-q", *flags)
    return pathlib.Path(output)


def inspect(model: Path) -> dict[str, Any]:
    """Where the bytes of a container go: what `qcompress inspect --json` prints."""
    return json.loads(_run("inspect", os.fspath(model), "--json"))
