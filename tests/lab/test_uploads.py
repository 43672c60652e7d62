"""Pictures of one's own: sent as a zip or a folder, or named by a path, which only this machine may do freely."""

from __future__ import annotations

import io
import time
import zipfile

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

import convscope as cs
from convscope.errors import SourceError
from convscope.lab import uploads
from convscope.lab.sources import source_of


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def picture(seed):
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (12, 12), np.uint8)).save(file, "PNG")
    return file.getvalue()


def archive(prefix="set/"):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for n in range(12):
            made.writestr(f"{prefix}{'ab'[n % 2]}/{n}.png", picture(n))
    return file.getvalue()


def test_a_zip_that_is_sent_can_be_learned_from(client, cache):
    answer = client.post("/api/uploads/My cats & dogs.zip", content=archive())
    source = answer.json()["source"]
    assert source.startswith(str(cache)) and source.endswith("/My-cats-dogs.zip")
    assert cs.images(source).classes == ("a", "b")
    assert source in [one["name"] for one in client.get("/api/sources").json() if one["own"]]
    command = client.post("/api/trainings/command", json={"source": source}).json()
    assert command["command"].startswith(f"convscope train {source}")


@pytest.mark.parametrize("name", ["..%2F..%2Fetc%2Fpasswd", "..", "%00", "a" * 200, "\N{SNOWMAN}.zip"])
def test_a_name_never_becomes_a_path(client, cache, name):
    answer = client.post(f"/api/uploads/{name}", content=archive())
    if answer.status_code == 200:
        path = cache / "uploads"
        inside = [p.relative_to(path).parts for p in path.rglob("*.zip")]
        assert all(len(parts) == 2 and len(parts[1]) < 80 for parts in inside)
    else:
        assert answer.status_code in (404, 405)


def test_what_is_no_zip_is_refused_and_leaves_nothing(client, cache):
    answer = client.post("/api/uploads/x.zip", content=b"nothing")
    assert answer.status_code == 400
    assert "not a zip" in answer.json()["error"]
    assert list((cache / "uploads").iterdir()) == []


def test_an_upload_stops_where_there_is_no_room(client, cache, monkeypatch):
    monkeypatch.setattr(uploads, "ROOM", 100)
    answer = client.post("/api/uploads/x.zip", content=archive())
    assert answer.status_code == 400
    assert "no room" in answer.json()["error"]
    assert list((cache / "uploads").iterdir()) == []


@pytest.mark.usefixtures("cache")
def test_from_another_machine_only_the_labs_folder_can_be_named(tmp_path):
    inside, outside = tmp_path / "lab" / "photos", tmp_path / "secret"
    inside.mkdir(parents=True)
    outside.mkdir()
    (tmp_path / "lab" / "link").symlink_to(outside)
    assert source_of("photos", tmp_path / "lab", remote=True) == str(inside)
    assert source_of(str(outside), tmp_path / "lab", remote=False) == str(outside)
    for path in (str(outside), "../secret", "link", "/no/such/thing", "~"):
        with pytest.raises(SourceError, match="from another machine"):
            source_of(path, tmp_path / "lab", remote=True)


@pytest.mark.usefixtures("cache")
def test_a_look_says_what_there_is(client, tmp_path):
    (tmp_path / "set.zip").write_bytes(archive())
    for _ in range(200):
        said = client.post("/api/sources/look", json={"source": str(tmp_path / "set.zip")}).json()
        if said["over"]:
            break
        time.sleep(0.05)
    found = said["found"]
    assert [found["shape"], found["count"], found["train"] + found["test"]] == [[1, 28, 28], 2, 12]
    assert "no such folder" in client.post("/api/sources/look", json={"source": "/nowhere"}).json()["error"]


def test_a_folder_that_is_picked_is_sent_as_a_zip(look, width, tmp_path, cache):
    folder = tmp_path / "shapes"
    for name in ("round", "straight"):
        (folder / name).mkdir(parents=True)
        for n in range(6):
            (folder / name / f"{n}.png").write_bytes(picture(hash(name) % 1000 + n))
    (folder / ".hidden").write_bytes(b"x")
    page = look(width).go("#/lenet5/train")
    with page.expect_file_chooser() as chosen:
        page.get_by_role("button", name="Choose a folder").click()
    chosen.value.set_files(folder)
    expect(page.locator(".found")).to_contain_text("2 classes, 12 pictures of 1×28×28")
    expect(page.get_by_role("radio", name="shapes")).to_be_checked()
    [made] = (cache / "uploads").rglob("*.zip")
    with zipfile.ZipFile(made) as opened:
        assert opened.testzip() is None, "the checksums that the page wrote are right"
        assert sorted(opened.namelist())[0] == "shapes/round/0.png"
        assert opened.read("shapes/round/0.png") == (folder / "round" / "0.png").read_bytes()


def test_a_zip_that_is_dropped_anywhere_on_the_view_is_taken(look, cache):
    page = look().go("#/lenet5/train")
    expect(page.locator(".ladder")).to_contain_text("parameters")
    held = page.evaluate_handle(
        "bytes => { const data = new DataTransfer(); data.items.add(new File([new Uint8Array(bytes)], 'mine.zip')); return data; }",
        list(archive()),
    )
    page.locator(".recipe").dispatch_event("drop", {"dataTransfer": held})
    expect(page.locator(".found")).to_contain_text("2 classes, 12 pictures")
    assert [path.name for path in (cache / "uploads").rglob("*.zip")] == ["mine.zip"]
