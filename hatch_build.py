"""Compile the native engine when convscope is installed.

Without a C compiler the package still installs and works: the plain PyTorch path is
the same arithmetic, slower. `convscope.native.missing()` then says why.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = Path("src/convscope/native")


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
        command = [compiler, "-std=gnu11", "-O3", "-fPIC", "-shared", "-pthread", "-ffp-contract=fast"]
        command += [
            "-fno-math-errno",
            "-Wall",
            "-Wno-psabi",
            "-o",
            str(part),
            *map(str, sorted(folder.glob("*.c"))),
            "-lm",
        ]
        made = subprocess.run(command, capture_output=True, text=True)
        if made.returncode != 0:
            self.app.display_warning(
                f"the native engine did not compile, using plain PyTorch:\n{made.stderr}"
            )
            return
        part.replace(target)
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        build_data["artifacts"].append(str((SOURCES / "engine.so").as_posix()))
        print(f"compiled {target.name} with {compiler}", file=sys.stderr)
