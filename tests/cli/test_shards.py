"""`convscope shards`, and a training from what it wrote."""

from __future__ import annotations

import json

from own_pictures import some, write

from convscope.data.images import images, images_again
from convscope.runs import Run


def test_shards_are_packed_checked_and_learned_from(say, tmp_path, monkeypatch):
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "set", some("cat", "dog", each=10))
    code, out, err = say("shards", "set", "-o", "packed", "--size-mb", "0.03", "--json")
    told = json.loads(out.splitlines()[-1])
    assert (code, told["train"], told["test"], told["left_out"]) == (0, 16, 4, 0), err
    code, out, _ = say("shards", "--check", "packed")
    assert code == 0 and out.endswith("16 + 4 pictures of 2 classes, whole\n")
    common = ("--net", "lenet5-modern", "--epochs", 1, "--no-report", "--json")
    scores = []
    for source in ("set", "shards:packed"):
        code, out, err = say("train", source, *common, "--out", "run-" + source[:3])
        assert code == 0, err
        scores.append(json.loads(out.splitlines()[-1])["test_error_percent"])
    kept = [(tmp_path / name / "weights.safetensors").read_bytes() for name in ("run-set", "run-sha")]
    assert kept[0] == kept[1] and scores[0] == scores[1]
    info = Run(tmp_path / "run-sha").info
    assert info["source"] == f"shards:{tmp_path}/packed"
    assert images_again(info).fingerprint == images("set").fingerprint
    (tmp_path / "packed" / "train-000000.tar").unlink()
    code, _, err = say("shards", "--check", "packed")
    assert code == 1 and err.startswith("convscope: ") and "train-000000.tar: cannot be read" in err


def test_wrong_usage_is_said(say):
    assert (
        say("shards")[0] == 2
        and say("shards", "set")[0] == 2
        and say("shards", "set", "--check", "x")[0] == 2
    )
