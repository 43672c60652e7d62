"""The report of Runs that are not the usual one: unfinished, huge, coloured, odd, hostile."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from convscope.data.images import Problem
from convscope.errors import RunError
from convscope.report import write_report
from convscope.report.wording import SPACE

from .runs import made_run, noise

SMALL = "input 1x12x12; look conv 4 3x3 | relu; out linear {}"


def page(run, images) -> str:
    return write_report(run, images).read_text().replace(SPACE, " ")


def test_a_run_without_an_epoch_says_so_and_shows_its_random_start(tmp_path):
    images = noise(3, (1, 12, 12))
    text = page(made_run(tmp_path / "run", images, SMALL.format(3), metrics=[]), images)
    assert "No epoch was finished, so there is no curve to draw." in text
    assert "These are still the random numbers it began with." in text
    assert "<svg class=" not in text


def test_a_diverged_run_says_in_which_epoch_and_what_helps(tmp_path):
    images = noise(3, (1, 12, 12))
    text = page(made_run(tmp_path / "run", images, SMALL.format(3), status="diverged"), images)
    assert "broke off in epoch 2: the loss was no longer a number" in text
    assert "A lower learning rate usually helps." in text
    assert "--resume" not in text


def test_one_epoch_is_a_point_and_not_a_line(tmp_path):
    images = noise(3, (1, 12, 12))
    text = page(made_run(tmp_path / "run", images, SMALL.format(3), said=images.test.labels), images)
    assert 'class="dot train"' in text
    assert 'class="line' not in text
    assert 'class="dot watch"' not in text


def test_a_run_without_a_mistake_says_so(tmp_path):
    images = noise(3, (1, 12, 12))
    text = page(made_run(tmp_path / "run", images, SMALL.format(3), said=images.test.labels), images)
    assert "There are none: every test picture was named rightly." in text
    assert "No class was ever taken for another." in text
    assert "0.00 %" in text


def test_the_surest_mistakes_come_first_and_are_forty_at_most(tmp_path):
    images = noise(3, (1, 12, 12), n=150)
    run = made_run(tmp_path / "run", images, SMALL.format(3), said=(images.test.labels + 1) % 3)
    assert page(run, images).count("true <b>") == 40
    assert "The 40 of 150 mistakes" in page(run, images)


def test_a_thousand_classes_become_a_table_of_pairs(tmp_path):
    images = noise(1000, (1, 12, 12), n=2000)
    said = images.test.labels.copy()
    said[:30] += 1
    text = page(made_run(tmp_path / "run", images, SMALL.format(1000), said=said), images)
    assert 'class="matrix' not in text
    assert "With 1,000 classes a matrix is too large to read" in text
    assert "The 20 worst of 1,000 classes." in text
    assert len(text) < 1_000_000


def test_forty_classes_are_still_drawn(tmp_path):
    images = noise(40, (1, 12, 12), n=80)
    text = page(made_run(tmp_path / "run", images, SMALL.format(40), said=images.test.labels[::-1]), images)
    table = text.split("<table")[1].split("</table>")[0]
    assert table.count("<td") == 1600
    assert "dense" in table


def test_the_worst_a_page_can_hold_is_under_a_megabyte(tmp_path):
    images = noise(40, (3, 224, 224), n=80)
    net = "input 3x224x224; c conv 96 11x11 stride=2 | relu; p max 32x32; out linear 40"
    text = page(made_run(tmp_path / "run", images, net, said=(images.test.labels + 1) % 40), images)
    assert "c has" not in text
    assert "has 96 kernels; the first 64 are shown." in text
    assert text.count("true <b>") == 40
    assert len(text.encode()) < 1_000_000


def test_colour_kernels_are_shown_in_colour_and_by_channel(tmp_path):
    images = noise(2, (3, 12, 12))
    net = "input 3x12x12; c conv 5 3x3 | relu; out linear 2"
    text = page(made_run(tmp_path / "run", images, net, said=images.test.labels), images)
    assert text.count("in colours, grey is zero") == 5
    assert all(text.count(f'alt="Kernel c/0, {name}"') == 1 for name in ("red", "green", "blue"))


def test_kernels_over_two_channels_are_shown_slice_by_slice(tmp_path):
    images = noise(2, (2, 12, 12))
    net = "input 2x12x12; c conv 3 3x3 | relu; out linear 2"
    text = page(made_run(tmp_path / "run", images, net, said=images.test.labels[::-1]), images)
    assert 'alt="Kernel c/2, channel 1"' in text


def test_pictures_that_have_changed_are_not_shown_beside_old_answers(tmp_path):
    images = noise(3, (1, 12, 12))
    run = made_run(tmp_path / "run", images, SMALL.format(3), said=(images.test.labels + 1) % 3)
    text = page(run, replace(images, fingerprint="others"))
    assert "The pictures are missing: their source is gone or has changed since the training." in text
    assert "true <b>" not in text


def test_lost_answers_and_weights_leave_the_rest_of_the_page(tmp_path):
    images = noise(3, (1, 12, 12))
    run = made_run(tmp_path / "run", images, SMALL.format(3), said=(images.test.labels + 1) % 3)
    for name in ("test.safetensors", "weights.safetensors"):
        (run.path / name).unlink()
    text = page(run, images)
    assert "The net&#39;s answers are missing." in text
    assert "The kernels cannot be shown." in text
    assert "100.00 %" in text


def test_every_name_from_outside_is_escaped_wherever_it_stands(tmp_path):
    evil = "\"><img src=x onerror=alert(1)><script>alert('x')</script>{{ 7 * 7 }}"
    names = (evil, "ליד", "東京" * 40)
    images = replace(noise(3, (1, 12, 12), names=names), name=evil, problems=(Problem(evil, evil),))
    said = (images.test.labels + 1) % 3
    run = made_run(tmp_path / "run", images, SMALL.format(3), said=said, net=evil, device=evil)
    text = page(run, images)
    assert "<script" not in text
    assert not re.search(r"<img src=x", text)
    assert evil not in text
    assert "{{ 7 * 7 }}" in text
    assert "ליד" in text


def test_a_folder_that_cannot_be_written_is_said_in_one_line(tmp_path, monkeypatch):
    images = noise(3, (1, 12, 12))
    run = made_run(tmp_path / "run", images, SMALL.format(3))

    def refuse(self, mode="r", **how):
        if "w" in mode:
            raise PermissionError(13, "Permission denied")
        return path_open(self, mode, **how)

    path_open = Path.open
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(RunError, match=r"report\.html: the report cannot be written \(Permission denied\); "):
        write_report(run, images)


def test_the_command_line_repeats_the_run(tmp_path):
    from convscope.report.repeat import command
    from convscope.training.recipe import Recipe
    from convscope.training.recipes import recipe_for

    images = noise(3, (1, 12, 12))
    recipe = recipe_for("lenet5").recipe.changed(epochs=3, rate=0.0125)
    run = made_run(tmp_path / "run", images, SMALL.format(3), recipe=recipe, net="lenet5")
    run.info["recipe"] = "own"
    words = " ".join(command(run)).split()
    given = dict(zip(words[3::2], words[4::2], strict=True))
    assert words[:3] == ["convscope", "train", "noise"]
    assert given.pop("--net") == "lenet5"
    assert (given.pop("--seed"), given.pop("--device")) == ("7", "cpu")
    knobs = {k[2:]: type(getattr(Recipe(), k[2:]))(v) for k, v in given.items()}
    assert recipe_for("lenet5").recipe.changed(**knobs) == recipe


def test_a_net_of_ones_own_is_repeated_from_its_text(tmp_path):
    from convscope.report.repeat import command

    images = noise(3, (1, 12, 12))
    run = made_run(tmp_path / "a run", images, SMALL.format(3))
    assert f"--net '{run.path / 'stack.txt'}'" in command(run)


def test_moved_knobs_are_marked_and_the_others_are_not(tmp_path):
    from convscope.report.repeat import knobs
    from convscope.training.recipe import KNOBS, Recipe

    images = noise(3, (1, 12, 12))
    run = made_run(tmp_path / "run", images, SMALL.format(3), recipe=Recipe(epochs=31, optimizer="sgd"))
    rows = knobs(run)
    assert tuple(row.name for row in rows) == KNOBS
    assert {row.name for row in rows if row.default} == {"epochs", "optimizer"}
    assert all(row.help for row in rows)


@pytest.mark.parametrize(("error", "place"), [(60, "below"), (0, "above")])
def test_lenet5_on_mnist_is_measured_against_the_paper(tmp_path, error, place):
    images = replace(noise(3, (1, 12, 12), n=6000), name="mnist")
    said = images.test.labels.copy()
    said[: 2 * error] = (said[: 2 * error] + 1) % 3
    run = made_run(tmp_path / "run", images, SMALL.format(3), said=said, net="lenet5")
    text = page(run, images)
    assert "LeCun et al. 1998" in text
    assert f"0.95 % that LeCun et al. 1998 published lies {place} it" in text


def test_other_nets_are_not_measured_against_the_paper(tmp_path):
    images = replace(noise(3, (1, 12, 12)), name="mnist")
    assert "LeCun et al. 1998 published" not in page(
        made_run(tmp_path / "run", images, SMALL.format(3), said=images.test.labels), images
    )


def test_a_mark_lies_where_its_number_says(tmp_path):
    from convscope.report.headline import headline

    images = replace(noise(3, (1, 12, 12), n=1000), name="mnist")
    said = np.where(np.arange(1000) < 20, (images.test.labels + 1) % 3, images.test.labels)
    run = made_run(tmp_path / "run", images, SMALL.format(3), said=said, net="lenet5")
    ours, paper = headline(run).bars
    assert ours.low is not None and ours.high is not None
    assert ours.low < ours.at < ours.high <= 100
    assert paper.at / ours.at == pytest.approx(0.95 / 2.0, abs=1e-3)
