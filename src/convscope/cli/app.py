"""The program `convscope`: its verbs, and how an error ends it."""

from __future__ import annotations

import os
import sys
import threading

import typer

from convscope.cli import (
    bench,
    compare,
    convolve,
    data,
    export,
    find,
    lab,
    look,
    nets,
    predict,
    repeat,
    report,
    serve,
    shards,
    train,
)
from convscope.errors import ConvscopeError

STOPPED = 130

app = typer.Typer(
    name="convscope",
    help="See what a convolutional network sees. Without a verb the page opens: convscope lab.\n\n"
    "Example: convscope train mnist",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for module in (
    lab,
    train,
    predict,
    look,
    find,
    convolve,
    compare,
    report,
    repeat,
    export,
    serve,
    shards,
    nets,
    data,
    bench,
):
    module.register(app)


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version and end."),
) -> None:
    if version:
        import convscope

        print(convscope.__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        lab.open_lab()


def main() -> None:
    """Run the program: exit code 0, 1 for what the user can act on, 2 for wrong usage."""
    try:
        app()
    except ConvscopeError as error:
        print(f"convscope: {error}", file=sys.stderr)
        sys.exit(1)
    except MemoryError:
        print(
            "convscope: this machine's memory is full: close other programs, or take less at once",
            file=sys.stderr,
        )
        sys.exit(1)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except SystemExit as end:  # what typer makes of Ctrl-C, which it says nothing about
        if end.code == STOPPED:
            print("convscope: stopped", file=sys.stderr)
            _leave_what_is_being_loaded()
        raise


def _leave_what_is_being_loaded() -> None:
    """End here and now where the page still loads PyTorch: Python's own end would abort in the middle of that."""
    if any(thread.name == "warm" for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(STOPPED)
