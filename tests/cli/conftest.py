"""The program, run in this process."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from convscope.cli.app import main

Said = tuple[int, str, str]


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Runs the program in this process: (exit code, stdout, stderr)."""

    def run(*words: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["convscope", *map(str, words)])
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        out, err = capsys.readouterr()
        return code, out, err

    return run
