"""Compile the native engine when convscope is installed.

Without a C compiler the package still installs and works: the plain PyTorch path is
the same arithmetic, slower. `convscope.native.missing()` then says why.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = Path("src/convscope/native")
FLAGS = (
    "-std=gnu11",
    "-O3",
    "-fPIC",
    "-pthread",
    "-ffp-contract=fast",
    "-fno-math-errno",
    "-Wall",
    "-Wno-psabi",
)
TUNED = "-mtune=native"
"""For the processor at hand, which changes how instructions are chosen, not which there are; not every compiler has it."""


class CompileEngine(BuildHookInterface):
    """Adds `engine.so`, compiled from the C files of `convscope.native`, to the package."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        folder = Path(self.root) / SOURCES
        compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if compiler is None or os.name == "nt":
            self.app.display_warning("no C compiler found: convscope will train on the plain PyTorch path")
            return
        target = folder / "engine.so"
        part = target.with_suffix(".part")
        failed = compiled(compiler, folder, part)
        if failed:
            self.app.display_warning(f"the native engine did not compile, using plain PyTorch:\n{failed}")
            return
        part.replace(target)
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        build_data["artifacts"].append(str((SOURCES / "engine.so").as_posix()))
        print(f"compiled {target.name} with {compiler}", file=sys.stderr)


def compiled(compiler: str, folder: Path, library: Path) -> str:
    """Compile the engine; what went wrong, or nothing. What convolves pictures is tuned, where the compiler can do that."""
    with tempfile.TemporaryDirectory() as scratch:
        objects = []
        for source in sorted(folder.glob("isa_*.c")):
            made = Path(scratch) / f"{source.stem}.o"
            command = [compiler, *FLAGS, "-DOF_PICTURES", "-c", str(source), "-o", str(made)]
            if tried([*command, TUNED]) and (failed := tried(command)):
                return failed
            objects.append(str(made))
        sources = map(str, sorted(folder.glob("*.c")))
        return tried([compiler, *FLAGS, "-shared", *sources, *objects, "-o", str(library), "-lm"])


def tried(command: list[str]) -> str:
    """Run a command; what it said, if it failed."""
    made = subprocess.run(command, capture_output=True, text=True)
    return "" if made.returncode == 0 else made.stderr or f"{command[0]} ended with {made.returncode}"
