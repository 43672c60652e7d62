"""Where bytes from elsewhere come in. Each surface takes any bytes and does with them all that users' words lead to.

It returns, or raises an error of `convscope.errors`: anything else is a fault of ours. `Surface` says what such bytes may be
mutated with; `corpus/NAME/` holds the ones to begin from.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from convscope.conv.kernel_text import parse_kernel, to_text
from convscope.conv.kernels import CLASSICS
from convscope.data.decoders import ColouredError, fitted
from convscope.data.ordinary import ordinary
from convscope.data.pictures import glance, read_picture
from convscope.data.shards.index import Index, Shard, index_of, listed, members_of
from convscope.data.shards.streamed import Shards
from convscope.data.sizing import Sample
from convscope.errors import ConvscopeError, PictureError
from convscope.nets.grammar import parse
from convscope.nets.steps import KINDS
from convscope.prediction import Predictor
from convscope.runs import OURS, Run, resume_state

CORPUS = Path(__file__).with_name("corpus")
SECONDS_A_PIXEL = 50e-9
"""Of processor time: what a transparent PNG of a hundred million pixels takes, the slowest of all kinds."""
SMALL_NET, SMALL_MAPS = 50_000, 100_000
"""A net of up to so many parameters and values is also built and asked."""
FILES = ("run.json", "stack.txt", "recipe.json", "metrics.jsonl", "weights.safetensors", "resume/state.safetensors",
         "epochs/001.safetensors", "problems.jsonl", "kept/cards.safetensors")  # fmt: skip
"""Of a Run's folder the first byte picks one; the rest becomes its content."""


@dataclass(frozen=True)
class Surface:
    """`use` takes the bytes; `most` of them at once; `words` are such as stand in them; `extra` is the time that they may
    take beyond the second that all have, in seconds."""

    use: Callable[[bytes], None]
    most: int = 4096
    words: tuple[bytes, ...] = ()
    extra: Callable[[bytes], float] = lambda _: 0.0


def _home() -> Path:
    """A folder of this process, gone when it ends."""
    import atexit

    path = Path(tempfile.mkdtemp(prefix="convscope-fuzz-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


home = cache(_home)


def stack(data: bytes) -> None:
    """Stack text: parsed, told, told again from its own text; built and asked where it is small."""
    import torch

    from convscope.nets.build import Net

    net = parse(data.decode("utf-8", "replace"))
    again = parse(str(net))
    assert again == net, "its own text says another net"
    assert set(net.shapes) == set(net.receptive_fields) and net.ladder
    values = sum(int(np.prod(shape, dtype=object)) for shape in net.shapes.values())
    if net.parameters <= SMALL_NET and values + np.prod(net.input.shape) <= SMALL_MAPS:
        with torch.no_grad():
            Net(net).eval()(torch.zeros(1, *net.input.shape))


def kernel(data: bytes) -> None:
    """Kernel text, without files."""
    _, numbers = parse_kernel(data.decode("utf-8", "replace"), files=False)
    _, again = parse_kernel(to_text(numbers), files=False)
    assert np.array_equal(numbers, again, equal_nan=True), "its own text says another kernel"


def picture(data: bytes) -> None:
    """A picture file: by a glance, whole, by the short way and by the long one."""
    with contextlib.suppress(PictureError):
        glance(data)
    ordinary(data, (3, 32, 32), "pad")
    with contextlib.suppress(ColouredError):
        fitted(data, (1, 24, 40), "crop")
    whole = read_picture(data)
    assert whole.dtype == np.uint8 and whole.ndim == 3 and len(whole) in (1, 3)


def _pixels(data: bytes) -> float:
    """What the pixels that a picture says it has may take, in seconds: it is decoded three times."""
    with contextlib.suppress(PictureError):
        said = glance(data)
        return 3 * said.width * said.height * SECONDS_A_PIXEL
    return 0.0


@cache
def _few() -> Any:
    from convscope.data.images import images

    all_of = images("mnist")
    return replace(all_of.first(60), test=all_of.test.take(np.arange(40)))


@cache
def _run_folder() -> Path:
    """A whole Run to spoil one file of."""
    from convscope.training.loop import training
    from convscope.training.plan import make_plan
    from convscope.training.recipe import Recipe

    net = "input 1x28x28; a conv 1 9x9 stride=9 | relu; out linear 10"
    plan = make_plan(_few(), net, Recipe(epochs=2, batch=30, engine="torch"), seed=1, device="cpu")
    for _ in training(plan, home() / "run"):
        pass
    return home() / "run"


def run(data: bytes) -> None:
    """A Run's folder with one file of other content: opened, told, asked, resumed and reported."""
    from convscope.lab.shelf import Shelf
    from convscope.report.page import page
    from convscope.training.loop import training
    from convscope.training.plan import resumed_plan

    if not data:
        return
    path = home() / "spoiled"
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(_run_folder(), path)
    name = FILES[data[0] % len(FILES)]
    (path / name).parent.mkdir(exist_ok=True)
    (path / name).write_bytes(data[1:])
    _each(
        lambda: _told(Run(path)),
        lambda: Predictor(Run(path)).answers([Predictor(Run(path)).prepared(_digit(), largest=10_000)]),
        lambda: resume_state(Run(path)),
        lambda: next(training(resumed_plan(Run(path), _few(), "cpu"), path, resume=True)),
        lambda: page(Run(path), None),
        lambda: Shelf(home()).open("spoiled"),
    )


def _each(*asked: Callable[[], Any]) -> None:
    """All of them, whichever of the others is refused; the first refusal is raised at the end."""
    said = None
    for ask in asked:
        try:
            ask()
        except ConvscopeError as error:
            require_line(error)
            said = said or error
    if said is not None:
        raise said


def _told(opened: Run) -> None:
    opened.kept("cards")
    _each(
        lambda: opened.recipe, lambda: opened.metrics, lambda: opened.classes, lambda: opened.stack, opened.net,
        lambda: [opened.weights(epoch) for epoch in opened.epochs], lambda: opened.arrays("test.safetensors"), lambda: repr(opened),
        lambda: opened.normalised(np.zeros((2, *opened.stack.input.shape), np.uint8)),
    )  # fmt: skip


@cache
def _digit() -> bytes:
    return (CORPUS / "picture" / "grey.png").read_bytes()


def shards(data: bytes) -> None:
    """What lies beside shards, and a tar: by the first byte an index, a list of members, or a tar whose sums are right."""
    if not data:
        return
    kind, rest = data[0] % 3, data[1:]
    if kind == 0:
        index_of(rest)
    elif kind == 1:
        members_of(rest, Shard("train-000000", 3, 10_000, "0" * 64, len(rest), "0" * 64), 2)
    else:
        _served(rest)


def _served(tar: bytes) -> None:
    folder = home() / "shards"
    folder.mkdir(exist_ok=True)
    (folder / "train-000000.tar").write_bytes(tar)
    (folder / "test-000000.tar").write_bytes(tar)
    rows = json.loads((CORPUS / "shards" / "members.json").read_bytes()[1:])["members"]
    from convscope.data.shards.index import Member

    members = listed([Member(*row) for row in rows], "plan", hashlib.sha256(tar).hexdigest())
    sums = hashlib.sha256(members).hexdigest()
    shard = Shard("train-000000", len(rows), len(tar), hashlib.sha256(tar).hexdigest(), len(members), sums)
    for name in ("train-000000", "test-000000"):
        (folder / f"{name}.json").write_bytes(members)
    counts = [sum(row[3] == label for row in rows) for label in range(2)]
    index = Index(
        "plan", 0, ("a", "b"), {"train": counts, "test": counts}, Sample(((8, 8),), False),
        (shard, replace(shard, name="test-000000")),
    )  # fmt: skip
    (folder / "index.json").write_bytes(index.as_bytes())
    place = Shards(f"shards:{folder}")
    try:
        for entry in place.listing().entries:
            with contextlib.suppress(PictureError):
                read_picture(place.read(entry), largest=1_000_000)
    finally:
        place.close()


LAB = (
    ("post", "/api/stack", "application/json"), ("post", "/api/trainings/command", "application/json"),
    ("post", "/api/contests/command", "application/json"), ("post", "/api/sources/look", "application/json"),
    ("post", "/api/pictures", "application/octet-stream"), ("post", "/api/drawings?width=28&height=28", "application/octet-stream"),
    ("post", "/api/uploads/photos.zip", "application/octet-stream"), ("post", "/api/uploads/one.png", "application/octet-stream"),
    ("post", "/api/runs/lenet5/say", "application/octet-stream"), ("get", None, ""),
)  # fmt: skip
"""What the page may be sent, by the first byte: a method, an address and a kind; None means that the bytes are the address."""


@cache
def _lab() -> Any:
    from fastapi.testclient import TestClient

    from convscope.lab.app import make_app
    from convscope.lab.desk import Desk
    from convscope.lab.shelf import Shelf

    os.environ["CONVSCOPE_CACHE"] = str(home() / "cache")
    os.chdir(home())
    (home() / "runs").mkdir(exist_ok=True)
    desk = Desk(Shelf(home() / "runs"))
    desk._warm()
    return TestClient(make_app(desk), base_url="http://127.0.0.1:8100")


def lab(data: bytes) -> None:
    """A request to the page's server: never a fault, and each refusal is one line."""
    if not data:
        return
    method, address, kind = LAB[data[0] % len(LAB)]
    if address is None:
        address = "/" + data[1:].decode("latin-1").lstrip("/")
        try:
            answer = _lab().get(address)
        except (
            Exception
        ) as error:  # the client itself refuses what is no address; what the server raises comes through
            if type(error).__module__.split(".")[0] in ("httpx", "httpx2", "httpcore", "idna"):
                return
            raise
    else:
        answer = _lab().request(method, address, content=data[1:], headers={"content-type": kind})
    _refused_well(answer)


@cache
def _serving() -> Any:
    from fastapi.testclient import TestClient

    from convscope.serving.app import make_app
    from convscope.serving.service import Limits, Service

    app = make_app(
        Service(Run(OURS["lenet5"]), Limits(pictures=5, pixels=1_000_000)), frozenset({"127.0.0.1"})
    )
    client = TestClient(app, base_url="http://127.0.0.1:8200")
    client.__enter__()
    return client


def serve(data: bytes) -> None:
    """A request to the prediction service: a picture as the body, or several as multipart."""
    if not data:
        return
    kind = ("image/png", "multipart/form-data; boundary=cut", "text/plain", "")[data[0] % 4]
    _refused_well(_serving().post("/predict", content=data[1:], headers={"content-type": kind}))


def _refused_well(answer: Any) -> None:
    assert answer.status_code < 500, f"{answer.status_code}: {answer.text[:300]}"
    if answer.status_code >= 400:
        require_line(answer.json()["error"])


def require_line(error: object) -> None:
    """A refusal is one line, of a length that can be read."""
    words = str(error)
    assert words.strip() and len(words.splitlines()) == 1, f"not one line: {words[:200]!r}"
    assert len(words) < 2000, f"{len(words)} letters: {words[:200]!r}"


def _words(text: str) -> tuple[bytes, ...]:
    return tuple(word.encode() for word in text.split())


STACK = (*(kind.encode() + b" " for kind in KINDS), *_words("input conv | ; # 1x28x28 3x3 padding=1 stride=2 from add groups=2"),
         b"\n", b"; a conv 4 3x3 | relu", b"input 1x8x8; ")  # fmt: skip
KERNEL = (
    *(name.encode() for name in CLASSICS),
    *_words("( ) | ; , * 1/9 -1 nan inf size= sigma= angle= 1e308"),
)
MARKERS = (b"\xff\xda", b"\xff\xc2", b"\xff\xd8", b"IDAT", b"IEND", b"acTL", b"fdAT", b"eXIf", b"Exif\0\0", b"ANMF", b"VP8X",
           b"II*\0", b"MM\0*", b"\x21\xf9\x04", b"\x2c")  # fmt: skip
SURFACES = {
    "stack": Surface(stack, 4096, STACK),
    "kernel": Surface(kernel, 4096, KERNEL),
    "picture": Surface(picture, 20_000, MARKERS, _pixels),
    "run": Surface(run, 20_000, _words("input conv null true NaN Infinity -1 F64 F16 BF16 I64 U8 BOOL")),
    "shards": Surface(
        shards, 40_000, (*_words(".cls .jpg 000000001. ustar \0 L K x g"), b"\0" * 512)
    ),
    "lab": Surface(
        lab, 20_000, (*_words("/api/ runs lenet5 ?picture=test/0 &unit=C1/0 null %00 %2e%2e/"), *STACK)
    ),
    "serve": Surface(
        serve, 20_000, (*MARKERS, b"--cut\r\n", b"--cut--\r\n", b"\r\n\r\n", b"Content-Disposition: form-data; ",
                        b'name="picture"; filename="a.png"')),
}  # fmt: skip
