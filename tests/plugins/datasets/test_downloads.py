"""Downloads from a server on loopback: fresh, cut and resumed, refused; never half a file under its name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from invkit.errors import InputError, OutputError
from invkit_datasets.downloads import Remote, download
from invkit_datasets.mnist import Mnist
from invkit_datasets.svhn import Svhn
from tests.plugins.datasets.server import Server, serving

CONTENT = bytes(range(256)) * 40
OTHER = CONTENT[::-1]


def remote_of(*bases: str, **contents: bytes) -> Remote:
    return Remote(bases, {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()})


REMOTE = remote_of(a=CONTENT)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as state:
        state.files["a"] = CONTENT
        yield state


def inside(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_fresh_then_kept(server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    for _ in range(2):
        assert download(REMOTE, folder, server.url, ()) == [folder / "a"]
        assert inside(folder) == {"a": CONTENT}
    assert server.asked == [("a", None)]


def test_a_cut_download_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    server.cut = 1_000
    with pytest.raises(InputError, match=r"cut after 1000 of 10240 bytes.*run it again"):
        download(REMOTE, tmp_path, server.url, ())
    assert inside(tmp_path) == {"a.part": CONTENT[:1_000]}
    download(REMOTE, tmp_path, server.url, ())
    assert inside(tmp_path) == {"a": CONTENT}
    assert server.asked == [("a", None), ("a", "bytes=1000-")]


def test_a_server_without_ranges_sends_all_again(server: Server, tmp_path: Path) -> None:
    server.ranges = False
    (tmp_path / "a.part").write_bytes(CONTENT[:1_000])
    download(REMOTE, tmp_path, server.url, ())
    assert inside(tmp_path) == {"a": CONTENT} and server.asked == [("a", "bytes=1000-")]


@pytest.mark.parametrize("left", [OTHER[:1_000], CONTENT, CONTENT + b"0"], ids=["other", "whole", "longer"])
def test_a_useless_part_is_dropped(left: bytes, server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.part").write_bytes(left)
    download(REMOTE, tmp_path, server.url, ())
    assert inside(tmp_path) == {"a": CONTENT}


def test_another_content_is_refused_and_nothing_kept(server: Server, tmp_path: Path) -> None:
    server.files["a"] = OTHER
    for part in (None, CONTENT[:1_000]):
        if part is not None:
            (tmp_path / "a.part").write_bytes(part)
        with pytest.raises(InputError, match="its sha256 is another"):
            download(REMOTE, tmp_path, server.url, ())
        assert inside(tmp_path) == {}


def test_a_mirror_takes_over(server: Server, tmp_path: Path) -> None:
    with serving() as broken:
        remote = remote_of(broken.url, server.url, a=CONTENT)
        assert download(remote, tmp_path, None, ()) == [tmp_path / "a"]
        assert len(broken.asked) == len(server.asked) == 1


def test_no_answer(tmp_path: Path) -> None:
    with serving() as gone:
        pass
    with pytest.raises(InputError, match="no connection to http"):
        download(REMOTE, tmp_path, gone.url, ())
    assert inside(tmp_path) == {}


def test_refused(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no file 'b'; choose a"):
        download(REMOTE, tmp_path, server.url, ["b"])
    with pytest.raises(InputError, match="https://"):
        download(REMOTE, tmp_path, "file:///etc", ())
    server.files.clear()
    with pytest.raises(InputError, match="answers 404"):
        download(REMOTE, tmp_path, server.url, ())
    (tmp_path / "a").write_bytes(OTHER)
    with pytest.raises(InputError, match="another content than the published file"):
        download(REMOTE, tmp_path, server.url, ())
    assert inside(tmp_path) == {"a": OTHER}
    with pytest.raises(OutputError, match="cannot write into"):
        download(REMOTE, tmp_path / "a", server.url, ())


@pytest.mark.parametrize(
    ("data", "files", "first"),
    [
        (Mnist, (), "train-images-idx3-ubyte.gz"),
        (Svhn, (), "train_32x32.mat"),
        (Svhn, ("extra_32x32.mat",), "extra_32x32.mat"),
    ],
)
def test_data_sets_ask_for_official_names_and_check(
    data: type[Mnist | Svhn], files: tuple[str, ...], first: str, server: Server, tmp_path: Path
) -> None:
    server.files[first] = OTHER
    with pytest.raises(InputError, match="its sha256 is another"):
        data.fetch(tmp_path, server.url, files)
    assert server.asked == [(first, None)] and inside(tmp_path) == {}
