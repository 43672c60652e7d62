"""The corpus's first inputs, one small file of each kind: `python tests/fuzz/seeds.py` writes them into tests/fuzz/corpus."""

from __future__ import annotations

import io
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))

from fuzz.surfaces import CORPUS, FILES, LAB, _run_folder

from convscope.data.shards.source import pack
from convscope.nets.zoo import zoo


def pictures() -> dict[str, bytes]:
    """Small pictures in every format, mode and way of packing that files on the web have."""
    rng = np.random.default_rng(3)
    grey = Image.fromarray(rng.integers(0, 256, (9, 12), np.uint8).repeat(2, 0))
    colour = Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8))
    clear = colour.convert("RGBA")
    clear.putalpha(90)
    film = [colour.rotate(90 * k) for k in range(3)]
    turned = Image.Exif()
    turned[0x0112] = 6
    made: dict[str, tuple[Image.Image, str, dict[str, Any]]] = {
        "grey.png": (grey, "PNG", {}), "clear.png": (clear, "PNG", {}), "palette.png": (colour.convert("P"), "PNG", {"transparency": 3}),
        "wide.png": (Image.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8) * 900), "PNG", {}), "bits.png": (grey.convert("1"), "PNG", {}),
        "film.png": (colour, "PNG", {"save_all": True, "append_images": film}),
        "plain.jpg": (colour, "JPEG", {}), "grey.jpg": (grey, "JPEG", {}), "progressive.jpg": (colour, "JPEG", {"progressive": True}),
        "turned.jpg": (colour, "JPEG", {"exif": turned}), "four.jpg": (colour.convert("CMYK"), "JPEG", {}),
        "plain.gif": (colour, "GIF", {}), "film.gif": (film[0], "GIF", {"save_all": True, "append_images": film}),
        "plain.webp": (colour, "WEBP", {}), "lossless.webp": (clear, "WEBP", {"lossless": True}),
        "film.webp": (film[0], "WEBP", {"save_all": True, "append_images": film}),
        "plain.bmp": (colour, "BMP", {}), "bits.bmp": (grey.convert("1"), "BMP", {}),
        "plain.tif": (colour, "TIFF", {}), "lzw.tif": (colour, "TIFF", {"compression": "tiff_lzw"}),
        "deflate.tif": (grey, "TIFF", {"compression": "tiff_adobe_deflate"}), "fax.tif": (grey.convert("1"), "TIFF", {"compression": "group4"}),
        "jpeg.tif": (colour, "TIFF", {"compression": "jpeg"}), "wide.tif": (Image.new("I;16", (8, 8), 900), "TIFF", {}),
    }  # fmt: skip
    files = {}
    for name, (image, kind, more) in made.items():
        file = io.BytesIO()
        image.save(file, kind, **more)
        files[name] = file.getvalue()
    return files


def runs() -> dict[str, bytes]:
    """Each file of a small Run, behind the number of its name."""
    folder = _run_folder()
    there = {name: folder / name for name in FILES}
    kept = folder / "weights.safetensors"
    return {
        name.replace("/", "-"): bytes([i]) + (path if path.is_file() else kept).read_bytes()[:12_000]
        for i, (name, path) in enumerate(there.items())
    }


def shards() -> dict[str, bytes]:
    """The index, a list and a tar of six small pictures, each behind its kind."""
    with tempfile.TemporaryDirectory() as home:
        some = pictures()
        for k, name in enumerate(
            ["grey.png", "plain.jpg", "plain.gif", "plain.webp", "clear.png", "plain.tif"]
        ):
            for part in ("train", "test"):
                path = Path(home) / "set" / part / "ab"[k % 2] / f"{k}-{name}"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(some[name] if part == "train" else some[name.replace(".", ".")])
        pack(str(Path(home) / "set"), Path(home) / "out", size_mb=1)
        out = Path(home) / "out"
        return {
            "index.json": b"\0" + (out / "index.json").read_bytes(),
            "members.json": b"\1" + (out / "train-000000.json").read_bytes(),
            "tar": b"\2" + (out / "train-000000.tar").read_bytes(),
        }


def requests() -> dict[str, bytes]:
    """A good request to each address of the page."""
    some = pictures()
    text = "input 1x12x12\nC conv 4 3x3\nR relu\nO linear 2"
    bodies: list[bytes] = [
        json.dumps({"text": text}).encode(),
        json.dumps({"source": "mnist", "net": "lenet5", "recipe": {"epochs": 2, "batch": 50}, "seed": 1}).encode(),
        json.dumps({"source": "mnist", "budget": "quick", "methods": ["lenet5"]}).encode(),
        json.dumps({"source": "mnist", "size": 28, "fit": "pad"}).encode(),
        some["plain.jpg"], bytes(28 * 28), b"PK\3\4" + bytes(40), some["grey.png"], some["grey.png"],
        b"api/runs/lenet5/card?unit=C1/0&picture=test/0&ops=mute:C1/3",
    ]  # fmt: skip
    return {f"{i}-{(where or 'address').strip('/').split('?')[0].replace('/', '-')}": bytes([i]) + body
            for i, ((_, where, _), body) in enumerate(zip(LAB, bodies, strict=True))}  # fmt: skip


def predictions() -> dict[str, bytes]:
    """A picture as the body, and two as multipart."""
    some = pictures()
    part = b'--cut\r\nContent-Disposition: form-data; name="picture"; filename="%s"\r\n\r\n%s\r\n'
    many = b"".join(part % (name.encode(), some[name]) for name in ("grey.png", "plain.jpg")) + b"--cut--\r\n"
    return {
        "png": b"\0" + some["grey.png"],
        "jpg": b"\0" + some["plain.jpg"],
        "many": b"\1" + many,
        "text": b"\2x",
    }


def main() -> None:
    stacks = {name: zoo[name].encode() if isinstance(zoo[name], str) else str(zoo[name]).encode()
              for name in ("lenet1", "lenet5", "lenet5-modern", "alexnet")}  # fmt: skip
    stacks["joined"] = (
        b"input 3x16x16; a conv 4 3x3 padding=1 | relu; f from a | conv 4 1x1\nb from a | conv 4 3x3 padding=1 | add f | relu; out linear 3"
    )
    kernels = {"classic": b"sobel_x", "knobs": b"gabor(6, angle=45)", "numbers": b"1/9 * 1 1 1; 1 1 1; 1 1 1",
               "channels": b"1 0; 0 1 | 0 1; 1 0", "odd": b"nan inf; -1e308, 1/3 # remark"}  # fmt: skip
    wanted = {"picture": pictures(), "stack": stacks, "kernel": kernels}
    for name, files in wanted.items():
        _write(name, files)
    for name, make in {"run": runs, "shards": shards, "lab": requests, "serve": predictions}.items():
        _write(name, make())


def _write(surface: str, files: dict[str, bytes]) -> None:
    folder = CORPUS / surface
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
