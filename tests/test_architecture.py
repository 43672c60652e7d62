"""The rules of DESIGN.md, each as a check."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import convscope

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "convscope"
FILES = sorted(SOURCE.rglob("*.py"))
LONGEST_FILE, LONGEST_FUNCTION = 400, 60


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def names_called(path: Path) -> set[str]:
    return {ast.unparse(node.func) for node in ast.walk(tree(path)) if isinstance(node, ast.Call)}


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_imports_run_downwards_only():
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "module", ["convscope", "convscope.conv", "convscope.conv.geometry", "convscope.conv.convolution", "convscope.conv.kernels",
               "convscope.conv.tracing", "convscope.drawing.sheet", "convscope.native.convolution", "convscope.scores", "convscope.errors",
               "convscope.native", "convscope.nets.zoo", "convscope.training.recipe", "convscope.cli.app"]
)  # fmt: skip
def test_importing_it_does_not_import_torch(module: str):
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_start_loads_nothing_that_its_verb_may_not_want():
    code = "import sys, convscope.cli.app; sys.exit(', '.join({'numpy', 'PIL', 'fastapi', 'rich'} & {*sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.strip() == ""


def test_only_the_record_registers_hooks():
    for path in FILES:
        hooks = {name for name in names_called(path) if "register_" in name and name.endswith("_hook")}
        assert not hooks or path.name == "record.py", path


def test_only_four_modules_know_torch_distributed():
    names = ("together.py", "launching.py", "sharded.py", "pieces.py")
    knowing = {SOURCE / "training" / name for name in names}
    for path in FILES:
        assert path in knowing or not any("torch.distributed" in name for name in imported(path)), path


def test_only_the_command_line_prints():
    for path in FILES:
        if path.is_relative_to(SOURCE / "cli") or path.name == "pack.py":
            continue
        assert "print" not in names_called(path), path


def test_only_runs_writes_into_a_run():
    for path in FILES:
        if path.is_relative_to(SOURCE / "data") or path.name == "runs.py":
            continue
        writes = {
            n
            for n in names_called(path)
            if n.rsplit(".", 1)[-1] in ("write_bytes", "write_text", "save_file")
        }
        assert not writes, path


@pytest.mark.parametrize("word", ["pickle", "torch.load", "eval", "exec", "marshal", "shelve"])
def test_nothing_is_unpickled_or_evaluated(word: str):
    for path in FILES:
        assert word not in names_called(path) | imported(path), path


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_files_and_functions_are_one_idea_long(path: Path):
    assert len(path.read_text().splitlines()) <= LONGEST_FILE
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < LONGEST_FUNCTION, node.name


def test_c_files_are_one_idea_long():
    for path in [*SOURCE.rglob("*.c"), *SOURCE.rglob("*.h")]:
        assert len(path.read_text().splitlines()) <= LONGEST_FILE, path


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_every_module_says_what_it_is(path: Path):
    assert ast.get_docstring(tree(path)), f"{path} has no docstring"


@pytest.mark.parametrize("name", sorted(convscope.PUBLIC))
def test_every_public_name_is_explained_with_an_example(name: str):
    text = getattr(convscope, name).__doc__ or ""
    explained = text.strip()
    assert explained.endswith(".") or ">>>" in explained or "Raises" in explained
    if isinstance(getattr(convscope, name), type) and issubclass(getattr(convscope, name), Exception):
        return
    assert name == "zoo" or ">>>" in text or name in ("Run", "Stack", "Images"), f"{name} has no example"


def test_the_public_names_are_the_ones_that_load():
    assert set(convscope.__all__) == {*convscope.PUBLIC, "__version__"}
    for name in convscope.PUBLIC:
        assert getattr(convscope, name) is not None
    with pytest.raises(AttributeError, match="convscope has no 'nothing'"):
        _ = convscope.nothing


def test_no_module_hides_a_public_function_by_its_name():
    assert not {p.stem for p in SOURCE.iterdir()} & {
        n for n in convscope.PUBLIC if n.islower() and n != "zoo"
    }


def test_no_module_is_named_for_nothing():
    for path in FILES:
        assert path.stem not in ("utils", "util", "misc", "common", "helpers"), path
