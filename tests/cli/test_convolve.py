"""`convscope convolve` as a person meets it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convscope.conv import kernels

TINY = [[0, 51, 102, 153], [0, 0, 255, 255], [255, 0, 0, 51], [0, 255, 102, 0]]


@pytest.fixture
def lay(say):
    """`convscope convolve` with these words."""
    return lambda *words: say("convolve", *words)


@pytest.fixture
def grey(tmp_path: Path) -> Path:
    Image.fromarray(np.array(TINY, np.uint8)).save(tmp_path / "tiny.png")
    return tmp_path / "tiny.png"


@pytest.fixture
def colour(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "colour.png")
    return tmp_path / "colour.png"


def answer(said: tuple[int, str, str]) -> dict[str, Any]:
    code, out, err = said
    assert code == 0, err
    return json.loads(out.splitlines()[-1])


def test_it_prints_the_sizes_and_why(lay, grey: Path):
    code, out, err = lay(grey, "--kernel", "1 0 -1", "--stride", "2x1", "--padding", "0,1,0,0")
    assert code == 0, err
    assert out.splitlines()[:3] == [
        "tiny.png 1x4x4 -> 1x2x3  kernel typed 1x3",
        "  rows: (4 + 0 + 0 - 1) / 2, rounded down, + 1 = 2",
        "  columns: (4 + 1 + 0 - 3) + 1 = 3",
    ]
    assert "the stride leaves out the last 1 row" in err


def test_same_padding_of_an_even_kernel_says_where_the_odd_pixel_goes(lay, grey: Path):
    code, out, err = lay(grey, "-k", "1 1; 1 1", "--padding", "same")
    assert code == 0 and "-> 1x4x4" in out
    assert err == "  typed: same padding of an even extent puts the odd pixel at the bottom and right\n"


def test_its_json_says_everything_of_one_value(lay, grey: Path):
    said = answer(lay(grey, "-k", "1 0; 0 2", "--at", "1,2", "--json"))
    assert said["input"] == [1, 4, 4] and said["output"] == [1, 3, 3]
    assert said["kernel"] == [[1, 0], [0, 2]] and said["stride"] == [1, 1] and said["padding"] == [0, 0, 0, 0]
    at = said["at"]
    assert at["position"] == [1, 2]
    assert at["window"] == [pytest.approx(np.array([[1, 1], [0, 0.2]]))]
    assert at["products"] == [pytest.approx(np.array([[1, 0], [0, 0.4]]))]
    assert at["channel_sums"] == pytest.approx([1.4]) and at["bias"] == 0 and at["sum"] == pytest.approx(1.4)
    pixels = np.array(TINY) / 255
    expected = pixels[:3, :3] + 2 * pixels[1:, 1:]
    assert said["map"] == pytest.approx(
        {"min": expected.min(), "max": expected.max(), "mean": expected.mean()}, abs=1e-6
    )


def test_a_flat_kernel_is_laid_on_each_channel_of_a_colour_picture(lay, colour: Path, tmp_path: Path):
    out = tmp_path / "map.npy"
    said = answer(lay(colour, "-k", "gaussian(1)", "--padding", "same", "--at", "3,4", "-o", out, "--json"))
    assert said["input"] == [3, 30, 40] == said["output"]
    values = np.load(out)
    assert said["at"]["values"] == pytest.approx(values[:, 3, 4], abs=1e-6)
    assert said["at"]["sum"] == pytest.approx(sum(said["at"]["channel_sums"]))


def test_at_prints_window_kernel_and_products(lay, grey: Path):
    code, out, err = lay(grey, "-k", "1 0; 0 2", "--at", "1,2")
    assert code == 0, err
    assert out.splitlines()[4:] == [
        "typed at row 1, column 2: window rows 1 to 2, columns 2 to 3",
        "      1   1     1 0       1   0",
        "      0 0.2  x  0 2  =    0 0.4",
        "  channel 0: products sum to 1.4",
        "  sum 1.4 + bias 0 = 1.4",
    ]


@pytest.mark.parametrize("name", kernels.CLASSICS)
def test_every_classic_kernel_can_be_laid(lay, colour: Path, name: str):
    said = answer(lay(colour, "-k", name, "--padding", "same", "--mode", "replicate", "--json"))
    assert said["output"] == [3, 30, 40] and said["kernel_name"].startswith(name)


def test_pictures_are_written_and_can_be_opened(lay, colour: Path, tmp_path: Path):
    out, sheet, trace, film = (tmp_path / n for n in ("map.png", "sheet.png", "trace.png", "slide.gif"))
    code, _, err = lay(
        colour,
        "-k",
        "sobel_x",
        "-o",
        out,
        "--sheet",
        sheet,
        "--at",
        "1,1",
        "--trace",
        trace,
        "--animate",
        film,
    )
    assert code == 0, err
    assert re.search(r"map.png: purple is -[\d.]+, neutral is 0, green is [\d.]+", err)
    with Image.open(out) as map_, Image.open(film) as slide:
        assert map_.size == (3 * 38, 28)
        assert getattr(slide, "n_frames", 1) == 120
    for path in (sheet, trace):
        with Image.open(path) as image:
            image.load()
    assert not [p for p in tmp_path.iterdir() if p.name.endswith(".part")]


def test_the_channels_of_a_deep_kernel_are_named_as_the_net_names_them(lay, tmp_path: Path, grey: Path):
    net = "input 1x28x28; a conv 4 5x5 | relu; b conv 2 3x3 maps=0,3/1,2 | tanh; out linear 10"
    folder = tmp_path / "run"
    words = [
        "train",
        "mnist",
        "--net",
        net,
        "--epochs",
        "1",
        "--batch",
        "5000",
        "--out",
        str(folder),
        "--no-report",
    ]
    subprocess.run([sys.executable, "-m", "convscope", *words], capture_output=True, check=True)
    code, out, err = lay(grey, "-k", f"{folder}:b/0", "--at", "0,0")
    assert code == 0, err
    assert re.findall(r"channel (\d+): products", out) == ["0", "3"] and "laid on maps 0, 3" in err


def test_a_constant_needs_no_mode(lay, grey: Path):
    said = answer(lay(grey, "-k", "box(3)", "--padding", "1", "--constant", "1", "--at", "0,0", "--json"))
    assert said["mode"] == "constant" and said["at"]["window"][0][0] == [1, 1, 1]


def test_a_sheet_and_a_second_one_are_both_written(lay, grey: Path, tmp_path: Path):
    one, two = tmp_path / "one.png", tmp_path / "two.png"
    assert lay(grey, "-k", "box(2)", "-k", "sobel_x", "-o", one, "--sheet", two)[0] == 0
    assert one.read_bytes() == two.read_bytes()


def test_several_kernels_make_one_sheet(lay, grey: Path, tmp_path: Path):
    out = tmp_path / "sheet.png"
    said = answer(lay(grey, "-k", "sobel_x", "-k", "box(2)", "-o", out, "--json"))
    assert [one["kernel_name"] for one in said["kernels"]] == ["sobel_x", "box(2)"]
    with Image.open(out) as image:
        assert image.width > 200


def test_what_is_not_finite_is_said_and_null_in_json(lay, grey: Path):
    code, out, err = lay(grey, "-k", "nan 1", "--json", "--at", "0,0")
    assert code == 0 and "12 of 12 values are NaN or infinite" in err
    assert json.loads(out)["map"]["max"] is None and json.loads(out)["at"]["sum"] is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-k", "box(5)"], "rows: a kernel of 5 does not fit into 4 pixels: use a kernel of at most 4, or add 1 of padding"),
        (["-k", "box(3)", "--padding", "4", "--mode", "reflect"], "reflecting 4 pixels needs more than 4 rows: at most 3, or take mode replicate"),
        (["-k", "box(3)", "--stride", "0"], "stride is a whole number of at least 1, or one for rows and one for columns, not (0, 0)"),
        (["-k", "box(3)", "--stride", "two"], "--stride is a whole number, or rows x columns such as 2x1, not 'two'"),
        (["-k", "box(3)", "--at", "2"], "--at is a row and a column of the map, such as 10,20, not '2'"),
        (["-k", "box(3)", "--at", "2,0"], "there is no position 2, 0 in a map of 2x2: rows go from 0 to 1, columns from 0 to 1"),
        (["-k", "box(3)", "--trace", "x.png"], "--trace draws one value: say which with --at ROW,COLUMN"),
        (["-k", "box(3)", "--padding", "1", "--mode", "reflect", "--constant", "1"], "--constant is the value of --mode constant, not of reflect: leave one of them out"),
        (["-k", "box(3)", "-k", "box(2)", "--animate", "x.gif"], "--animate slides one kernel, not 2: name one --kernel"),
        (["-k", "1 | 2"], "a kernel of 2 channels cannot be laid on a picture of 1"),
    ],
)  # fmt: skip
def test_wrong_use_is_one_clear_line(lay, grey: Path, words: list[str], message: str):
    code, out, err = lay(grey, *words)
    assert (code, out) == (1, "")
    assert err == f"convscope: {message}\n"


@pytest.mark.parametrize("option", ["-o", "--sheet", "--animate"])
def test_a_path_that_cannot_be_written_is_told_and_leaves_nothing(
    lay, grey: Path, tmp_path: Path, option: str
):
    code, _, err = lay(
        grey,
        "-k",
        "box(2)",
        option,
        tmp_path / "not" / "there.gif" if option == "--animate" else tmp_path / "not" / "there.png",
    )
    assert code == 1 and err.startswith("convscope: ") and "there." in err and err.count("\n") == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["tiny.png"]


def test_ctrl_c_in_the_middle_of_an_animation_says_so_and_leaves_nothing(colour: Path, tmp_path: Path):
    folder = tmp_path / "made"
    folder.mkdir()
    words = [
        sys.executable,
        "-m",
        "convscope",
        "convolve",
        str(colour),
        "-k",
        "box",
        "--animate",
        str(folder / "frames"),
    ]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as program:
        deadline = time.monotonic() + 60
        while not list(folder.glob(".frames.part/*.png")) and time.monotonic() < deadline:
            time.sleep(0.01)
        program.send_signal(signal.SIGINT)
        _, err = program.communicate(timeout=60)
    assert (program.returncode, err) == (130, "convscope: stopped\n")
    assert list(folder.iterdir()) == []


def test_a_learned_kernel_is_laid_on_the_picture_or_where_it_belongs(lay, tmp_path: Path):
    net = "input 1x28x28; a conv 3 5x5 | relu; p max 2x2; b conv 4 3x3 padding=1 | relu; out linear 10"
    folder = tmp_path / "run"
    words = [
        "train",
        "mnist",
        "--net",
        net,
        "--epochs",
        "1",
        "--batch",
        "1000",
        "--out",
        str(folder),
        "--no-report",
    ]
    done = subprocess.run([sys.executable, "-m", "convscope", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    from convscope.data.images import images

    Image.fromarray(np.asarray(images("mnist").test.pixels[0][0])).save(tmp_path / "seven.png")
    first = answer(lay(tmp_path / "seven.png", "-k", f"{folder}:a/2", "--json"))
    assert first["input"] == [1, 28, 28] and first["output"] == [1, 24, 24]
    deep = answer(lay(tmp_path / "seven.png", "-k", f"{folder}:b/3", "--at", "5,5", "--json"))
    assert deep["input"] == [3, 12, 12] and deep["output"] == [1, 12, 12] and deep["padding"] == [1, 1, 1, 1]
    at = deep["at"]
    assert len(at["channel_sums"]) == 3 and at["activation"] == "relu"
    assert at["activated"] == [max(0.0, at["values"][0])]
    _, out, err = lay(tmp_path / "seven.png", "-k", f"{folder}:b/3", "--at", "5,5")
    assert "relu makes" in out and "before relu" in err
    code, _, err = lay(tmp_path / "seven.png", "-k", f"{folder}:p/0")
    assert code == 1 and err == "convscope: p has no kernels that slide: a, b has\n"
