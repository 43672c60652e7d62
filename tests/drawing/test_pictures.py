"""Sheets, traces and animations: their sizes, what they show, and that a failed write leaves nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convscope.conv.convolution import convolve
from convscope.conv.tracing import trace
from convscope.drawing.colours import film
from convscope.drawing.sheet import Panel, draw_map, sheet
from convscope.drawing.slide import Scene, frames, kept_colours
from convscope.drawing.trace_picture import draw_trace
from convscope.drawing.writing import write_animation, write_picture
from convscope.errors import PictureError


def scene(size: int = 12, **how: Any) -> Scene:
    picture = np.random.default_rng(0).random((1, size, size))
    kernel = np.array([[1.0, 0, -1]] * 3)
    return Scene(picture, kernel, convolve(picture[0], kernel), "edges", **how)


@pytest.mark.parametrize("shape", [(1, 4, 4), (3, 28, 31), (1, 300, 20), (3, 1200, 900), (16, 10, 10)])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_sheet_holds_pictures_of_every_size(shape: tuple[int, int, int], theme: Any):
    picture = np.random.default_rng(0).random(shape)
    maps = convolve(picture, np.ones((3, 3)))[:3]
    drawn = sheet(
        picture, [Panel("box", np.ones((3, 3)), maps), Panel("again", np.ones((3, 3)), -maps)], theme=theme
    )
    assert 400 < drawn.width < 4000 and 300 < drawn.height < 3000
    colours = {tuple(c) for c in np.asarray(drawn).reshape(-1, 3).tolist()}
    assert tuple(film(theme)[0].tolist()) in colours and tuple(film(theme)[254].tolist()) in colours


def test_a_map_alone_is_drawn_pixel_for_pixel():
    values = np.array([[[0.0, 2.0], [-1.0, 0.5]]])
    drawn = np.asarray(draw_map(values, 2.0))
    assert drawn.shape == (2, 2, 3) and drawn[0, 1].tolist() == film()[254].tolist()


@pytest.mark.parametrize(
    ("kernel", "channels"), [((1, 1), 1), ((3, 3), 3), ((5, 9), 1), ((25, 25), 1), ((3, 3), 12)]
)
def test_a_trace_of_every_size_is_drawn(kernel: tuple[int, int], channels: int):
    random = np.random.default_rng(0)
    found = trace(
        random.random((channels, 30, 30)),
        random.standard_normal((channels, *kernel)),
        at=(0, 0),
        padding="same",
        bias=0.5,
        activation="relu",
    )
    drawn = draw_trace(found)
    assert drawn.height < 8 * 1000 and len(np.unique(np.asarray(drawn).reshape(-1, 3), axis=0)) > 10


def test_an_animation_has_a_frame_a_position_until_there_are_too_many():
    assert len(list(frames(scene(6)))) == 16
    many = list(frames(scene(20), count=50))
    assert len(many) == 50 and len({frame.size for frame in many}) == 1


def test_the_map_fills_and_the_last_frame_shows_all_of_it():
    blank = [0xDC, 0xDE, 0xD8]
    left = [int((np.asarray(frame) == blank).all(2).sum()) for frame in frames(scene(8))]
    assert left == sorted(left, reverse=True) and left[0] > 1000 > left[-1] == 0


def test_a_gif_has_all_frames_film_as_it_is_and_holds_its_last(tmp_path: Path):
    path = tmp_path / "slide.gif"
    write_animation(frames(scene(14), count=30), path, kept_colours("light"))
    with Image.open(path) as film_:
        assert getattr(film_, "n_frames", 1) == 30
        film_.seek(29)
        assert film_.info["duration"] == 2000
        shown = {tuple(c) for c in np.asarray(film_.convert("RGB")).reshape(-1, 3).tolist()}
    assert tuple(film()[127].tolist()) in shown and (255, 176, 0) in shown


def test_a_grey_picture_stays_grey_in_a_gif(tmp_path: Path):
    picture = np.random.default_rng(0).random((1, 12, 12))
    path = tmp_path / "slide.gif"
    write_animation(
        frames(Scene(picture, np.ones((3, 3)), convolve(picture[0], np.ones((3, 3))), "box")),
        path,
        kept_colours("light"),
    )
    with Image.open(path) as slide:
        shown = np.asarray(slide.convert("RGB")).astype(int)
    panel = shown[112:700, 52:640]  # the picture alone
    inside = panel[(panel != [255, 176, 0]).any(axis=2)]
    assert np.ptp(inside, axis=1).max() <= 5


def test_frames_become_a_folder(tmp_path: Path):
    write_animation(frames(scene(5)), tmp_path / "frames")
    assert [p.name for p in sorted((tmp_path / "frames").iterdir())] == [f"{n:04d}.png" for n in range(9)]
    with pytest.raises(PictureError):
        write_animation(frames(scene(5)), tmp_path / "frames")
    assert [p.name for p in tmp_path.iterdir()] == ["frames"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_zero_in_a_gif_is_film_s_neutral_at_every_place(theme: Any, tmp_path: Path):
    drawn = list(frames(scene(14), count=5, theme=theme))
    write_animation(drawn, tmp_path / "slide.gif", kept_colours(theme))
    with Image.open(tmp_path / "slide.gif") as film_:
        film_.seek(4)
        written = np.asarray(film_.convert("RGB"))
    for exact in kept_colours(theme):
        there = (np.asarray(drawn[4]) == exact).all(axis=2)
        assert (written[there] == exact).all(), exact


def test_an_ffmpeg_that_fails_is_quoted_and_none_is_left_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "ffmpeg"
    program.write_text("#!/bin/sh\necho 'Unknown encoder' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    with pytest.raises(PictureError, match="Unknown encoder"):
        write_animation(frames(scene(8)), tmp_path / "slide.mp4")
    program.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec cat > /dev/null\n")

    def broken():
        yield next(frames(scene(5)))
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
            time.sleep(0.01)
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError):
        write_animation(broken(), tmp_path / "slide.mp4")
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
    assert not list(tmp_path.glob("*slide*"))


def test_an_mp4_holds_its_last_frame_for_two_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "ffmpeg"
    program.write_text('#!/bin/sh\nfor last; do file=$last; done\nexec cat > "$file"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    drawn = list(frames(scene(5)))
    write_animation(drawn, tmp_path / "slide.mp4")
    size = (drawn[0].width // 2 * 2) * (drawn[0].height // 2 * 2) * 3
    written = (tmp_path / "slide.mp4").read_bytes()
    assert len(written) == (9 + 39) * size and written[-size:] == written[8 * size : 9 * size]


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_frames_become_an_mp4(tmp_path: Path):
    write_animation(frames(scene(8)), tmp_path / "slide.mp4")
    assert (tmp_path / "slide.mp4").stat().st_size > 1000
    subprocess.run(["ffmpeg", "-v", "error", "-i", tmp_path / "slide.mp4", "-f", "null", "-"], check=True)


def test_without_ffmpeg_an_mp4_is_refused_and_nothing_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(PictureError, match="needs the program ffmpeg, which is not here"):
        write_animation(frames(scene(5)), tmp_path / "slide.mp4")
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_leaves_nothing_and_keeps_what_was_there(tmp_path: Path):
    path = tmp_path / "map.png"
    path.write_bytes(b"before")

    def broken():
        yield next(frames(scene(5)))
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError):
        write_animation(broken(), tmp_path / "slide.gif")
    with pytest.raises(PictureError, match="a picture's name ends in"):
        write_picture(Image.new("RGB", (2, 2)), tmp_path / "map.what")
    for place in (tmp_path / "no" / "map.png", path / "map.png"):
        with pytest.raises(PictureError, match="cannot be written"):
            write_picture(Image.new("RGB", (2, 2)), place)
    with pytest.raises(PictureError, match=r"cannot be written .* write a \.png instead"):
        write_picture(Image.new("RGB", (17000, 1)), tmp_path / "map.webp")
    with pytest.raises(PictureError, match="no frames"):
        write_animation([], tmp_path / "slide.gif")
    assert path.read_bytes() == b"before" and [p.name for p in tmp_path.iterdir()] == ["map.png"]


def test_a_kernel_slides_over_a_map_as_film():
    values = np.array([[[2.0, -2.0, 0.0]]])
    over = Scene(values, np.ones((1, 2)), np.zeros((1, 2)), "unit", limit=2.0, given="C1/0", words="sum")
    drawn = np.asarray(list(frames(over, theme="dark"))[-1])
    colours = {tuple(c) for c in drawn.reshape(-1, 3).tolist()}
    assert {tuple(film("dark")[place].tolist()) for place in (0, 127, 254)} <= colours
