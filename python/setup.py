"""Builds libqcompress with CMake and puts it into the package."""

import pathlib
import re
import shutil
import subprocess

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py
from wheel.bdist_wheel import bdist_wheel

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIBRARY = "libqcompress.so"


def version() -> str:
    text = (ROOT / "CMakeLists.txt").read_text()
    return re.search(r"project\(qcompress VERSION ([0-9.]+)", text).group(1)


class BuildLibrary(build_py):
    """Also builds the library that the package opens."""

    def run(self):
        super().run()
        build = pathlib.Path(self.get_finalized_command("build").build_temp).resolve()
        subprocess.run(
            ["cmake", "-S", ROOT / "runtime", "-B", build, "-G", "Ninja",
             "-DCMAKE_BUILD_TYPE=Release"],
            check=True,
        )
        subprocess.run(["cmake", "--build", build, "--target", "qcompress_shared"], check=True)
        shutil.copyfile(build / LIBRARY, pathlib.Path(self.build_lib, "qcompress", LIBRARY))


class AnyPython(bdist_wheel):
    """The library is for one kind of machine, but for every version of Python."""

    def get_tag(self):
        return "py3", "none", super().get_tag()[2]


class WithLibrary(Distribution):
    def has_ext_modules(self):
        return True


setup(
    version=version(),
    distclass=WithLibrary,
    cmdclass={"build_py": BuildLibrary, "bdist_wheel": AnyPython},
)
