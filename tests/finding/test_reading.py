"""Lines read as a whole."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import convscope
from convscope.cli.app import app
from convscope.data.fit import fit
from convscope.data.images import images
from convscope.finding.boxes import Box
from convscope.finding.pages import line
from convscope.finding.reading import Part, Reader, _likeliest, _parts, places_to_cut, read_page
from convscope.runs import Run

LENET = Path(convscope.__file__).parent / "packaged" / "lenet5"


@pytest.fixture(scope="module")
def run() -> Run:
    return Run(LENET)


@pytest.fixture(scope="module")
def made():
    return line(images("mnist").train, 4, seed=11, touching=0.0)


def drawn(pixels: np.ndarray) -> np.ndarray:
    return fit(pixels, (1, *pixels.shape[1:]), 0).pixels[0]


def test_a_line_is_read_and_each_sign_stands_where_it_is(run, made):
    signs = Reader(run).read(drawn(made.pixels))
    assert "".join(box.label for box in signs) == made.text
    for said, there in zip(signs, sorted(made.boxes, key=lambda box: box.x), strict=True):
        assert abs(said.x - there.x) <= 2 and abs(said.y + said.height - there.y - there.height) <= 2


def test_a_page_is_read_line_by_line_also_what_no_find_stands_for(run, made):
    page = np.concatenate([made.pixels, made.pixels], axis=1)
    high = made.pixels.shape[1]
    middle = sorted(made.boxes, key=lambda box: box.x)[1:3]
    found = [Box(b.label, 1.0, b.x, b.y + down, b.width, b.height) for b in middle for down in (0, high)]
    lines = read_page(run, page, found)
    assert len(lines) == 2
    assert ["".join(box.label for box in one) for one in lines] == [made.text] * 2
    assert min(box.y for box in lines[1]) > high - 5


def test_an_empty_line_holds_no_signs(run):
    assert Reader(run).read(np.zeros((30, 60), np.uint8)) == ()
    assert read_page(run, np.full((1, 60, 60), 255, np.uint8), []) == []


def test_cuts_lie_in_gaps_and_where_ink_is_thin():
    ink = np.zeros((20, 40), bool)
    ink[:, 2:10] = True
    ink[9:11, 10:20] = True
    ink[:, 20:28] = True
    ink[:, 34:38] = True
    cuts = places_to_cut(ink, 20)
    assert cuts[0] == 2 and cuts[-1] == 38 and 31 in cuts
    assert any(10 <= cut <= 19 for cut in cuts)
    assert all(other - one >= 2 for one, other in pairwise(cuts))


def test_a_stroke_that_reaches_over_a_cut_stays_whole():
    ink = np.zeros((20, 30), bool)
    ink[np.arange(20), 4 + np.arange(20) // 4] = True
    ink[:, 12] = True
    parts = list(_parts(np.where(ink, 255, 0).astype(np.uint8), ink, [4, 8, 10, 13], 20))
    slanted = next(part for part in parts if (part.first, part.last) == (0, 2))
    assert slanted.edges == (4, 0, 9, 20) and slanted.ink == 20


def test_the_likeliest_way_is_the_cheapest_of_all():
    rng = np.random.default_rng(0)
    blank = np.zeros((1, 1), np.uint8)
    pieces = [
        Part(i, j, blank, (0, 0, 1, 1), (0, 0), int(rng.integers(5, 30)), int(rng.integers(0, 2)))
        for i in range(6) for j in range(i + 1, min(6, i + 3) + 1)
    ]  # fmt: skip
    pieces = [piece for piece in pieces if piece.last < 6]
    costs, through = rng.random(len(pieces)), rng.random(6).tolist()

    def price(way: list[int]) -> float:
        return sum(
            pieces[n].ink / 10 * costs[n] + through[pieces[n].last] + pieces[n].empty - 0.3 for n in way
        )

    def ways(at: int):
        if at == 5:
            yield []
        for n, piece in enumerate(pieces):
            if piece.first == at:
                yield from ([n, *rest] for rest in ways(piece.last))

    cheapest = min(ways(0), key=price)
    assert _likeliest(pieces, costs, through, 10) == cheapest


def test_the_command_reads(made, tmp_path):
    Image.fromarray(made.pixels[0]).save(tmp_path / "line.png")
    words = ["find", str(LENET), str(tmp_path / "line.png"), "--read", "--largest", "34", "--least", "0.99"]
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == 0, done.output
    assert made.text in {"".join(line) for line in json.loads(done.stdout)["lines"]}
    plain = CliRunner().invoke(app, words)
    assert made.text in plain.stdout.split()
