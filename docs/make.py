"""Writes docs/reference.md from the program itself, and the tables of results from what is packaged (`make docs`).

A test refuses a stale page.
"""

from __future__ import annotations

import os
import sys
from dataclasses import fields
from pathlib import Path

PAGE = Path(__file__).with_name("reference.md")


def page() -> str:
    """The whole reference as Markdown."""
    return "\n".join([*_head(), *_nets(), *_steps(), *_recipes(), *_knobs(), *_methods(), *_verbs()]) + "\n"


def _head() -> list[str]:
    return ["# Reference", "", "Made by `make docs` from the program itself; do not edit.", ""]


def _nets() -> list[str]:
    from convscope.nets.zoo import ENTRIES, zoo

    rows = ["## Nets", ""]
    for entry in ENTRIES:
        rows += [f"### {entry.name}", "", f"{entry.title}. {zoo[entry.name].parameters:,} parameters.", ""]
        rows += [f"Source: {entry.source}.", ""]
        rows += [f"Chosen where the source is silent: {entry.chosen}", ""] if entry.chosen else []
        rows += ["```", str(zoo[entry.name]), "```", ""]
    return rows


def _steps() -> list[str]:
    from convscope.nets.grammar import usage
    from convscope.nets.steps import KINDS

    rows = ["## Steps of a net's text", "", "| step | what it does |", "| --- | --- |"]
    for kind in KINDS.values():
        meaning = " ".join((kind.__doc__ or "").split("\n\n")[0].split())
        rows.append(f"| `{usage(kind)}` | {meaning} |")
    return [*rows, ""]


def _recipes() -> list[str]:
    from convscope.training.recipe import Recipe
    from convscope.training.recipes import RECIPES

    rows = [
        "## Recipes",
        "",
        "| recipe | for | knobs that differ from the defaults | |",
        "| --- | --- | --- | --- |",
    ]
    for named in RECIPES:
        plain = Recipe().as_dict()
        own = ", ".join(
            f"{k} {v:g}" if isinstance(v, float) else f"{k} {v}"
            for k, v in named.recipe.as_dict().items()
            if v != plain[k]
        )
        rows.append(
            f"| {named.name} | {', '.join(named.nets) or 'any net'} | {own or 'none'} | {named.about} |"
        )
    return [*rows, ""]


def _knobs() -> list[str]:
    from convscope.training.recipe import Recipe

    rows = [
        "## Knobs of a recipe",
        "",
        "| flag | default | range | what it is |",
        "| --- | --- | --- | --- |",
    ]
    for knob in fields(Recipe):
        rule = knob.metadata
        span = (
            ", ".join(rule["names"])
            if "names" in rule
            else f"{rule['low']:g} to {rule['high']:g} {rule['unit']}".strip()
        )
        rows.append(f"| `--{knob.name}` | {knob.default} | {span} | {rule['help']} |")
    return [*rows, ""]


def _methods() -> list[str]:
    from convscope.comparison.catalogue import METHODS
    from convscope.comparison.features import FEATURES

    rows = ["## Methods of `convscope compare`", "", "| method | preprocessing | published | what it is |"]
    rows.append("| --- | --- | --- | --- |")
    for method in METHODS.values():
        known = f"{method.published.error_percent:g} %" if method.published else ""
        rows.append(f"| `{method.name}` | {method.preprocessing} | {known} | {method.about} |")
    rows += ["", "| preprocessing | what it does |", "| --- | --- |"]
    rows += [f"| {feature.name} | {feature.about} |" for feature in FEATURES.values()]
    return [*rows, ""]


def _verbs() -> list[str]:
    from typer.testing import CliRunner

    from convscope.cli.app import app

    rows = ["## Verbs", ""]
    for verb in (command.name for command in app.registered_commands):
        said = CliRunner().invoke(app, [verb, "--help"], prog_name="convscope", env={"COLUMNS": "100"}).stdout
        rows += [
            f"### convscope {verb}",
            "",
            "```",
            *(line.rstrip() for line in said.strip().splitlines()),
            "```",
            "",
        ]
    return rows


def pages() -> dict[Path, str]:
    """Every page that is made, or has tables that are: what it should say."""
    import results

    return {PAGE: page(), **{path: results.fresh(path.read_text()) for path in results.PAGES}}


if __name__ == "__main__":
    os.environ["COLUMNS"] = "100"
    made = pages()
    stale = [path.name for path, text in made.items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv:
        sys.exit(f"{', '.join(stale)}: stale, run make docs" if stale else 0)
    for path, text in made.items():
        path.write_text(text)
