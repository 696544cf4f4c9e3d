"""The cache of decoded images: decoded once, never trusted when damaged, never half there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from invkit.errors import InputError, OutputError
from invkit_datasets.cache import cache_folder, cache_key, decoded

SHAPE = (3, 2, 2)
PARTS = ["some", "sources"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INVKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Signals:
    """Five signals, signal i filled with i; counts how many were asked for."""

    def __init__(self) -> None:
        self.asked = 0

    def __iter__(self) -> Iterator[np.ndarray]:
        for i in range(5):
            self.asked += 1
            yield np.full(SHAPE, i, dtype=np.uint8)


def read(signals: Signals) -> np.ndarray:
    return decoded("set", PARTS, 5, SHAPE, signals)


def test_decoded_once(folder: Path) -> None:
    first, second = Signals(), Signals()
    for signals in (first, second):
        images = read(signals)
        assert isinstance(images, np.memmap) and not images.flags.writeable
        assert images.shape == (5, *SHAPE) and images[[4, 0, 4]].reshape(3, -1).max(1).tolist() == [4, 0, 4]
    assert (first.asked, second.asked) == (5, 0)
    (file,) = folder.iterdir()
    assert np.array_equal(np.load(file, mmap_mode="r"), read(Signals()))


def damages(content: bytes) -> dict[str, bytes]:
    return {
        "empty": b"",
        "cut": content[:-20],
        "longer": content + b"0",
        "no array": b"nonsense" * 40,
        "a pixel": content[:-10] + bytes([content[-10] ^ 1]) + content[-9:],
        "the checksum": content[:-1] + bytes([content[-1] ^ 1]),
        "other shape": content.replace(b"(5, 3, 2, 2)", b"(5, 3, 4, 1)"),
    }


@pytest.mark.parametrize("damage", damages(bytes(20)))
def test_a_damaged_file_is_made_again(damage: str, folder: Path) -> None:
    read(Signals())
    (file,) = folder.iterdir()
    good = file.read_bytes()
    bad = damages(good)[damage]
    assert bad != good
    file.write_bytes(bad)
    again = Signals()
    assert read(again)[3].min() == 3 and again.asked == 5
    assert file.read_bytes() == good


def test_nothing_is_left_where_decoding_fails(folder: Path) -> None:
    def failing() -> Iterator[np.ndarray]:
        yield np.zeros(SHAPE, dtype=np.uint8)
        raise InputError("entry 2 is damaged")

    with pytest.raises(InputError, match="entry 2"):
        decoded("set", PARTS, 5, SHAPE, failing())
    assert list(folder.iterdir()) == []


def test_an_empty_set_needs_no_file(folder: Path) -> None:
    assert decoded("set", PARTS, 0, SHAPE, []).shape == (0, *SHAPE) and not folder.exists()


def test_a_folder_that_cannot_be_written(folder: Path) -> None:
    folder.write_text("a file in the way")
    with pytest.raises(OutputError, match="INVKIT_CACHE"):
        read(Signals())


def test_keys_tell_lists_apart() -> None:
    lists = [["ab", "c"], ["a", "bc"], ["abc"], ["c", "ab"], []]
    assert len({cache_key(parts) for parts in lists}) == 5 and cache_key(["ab"]) == cache_key(iter(["ab"]))


def test_the_default_folder_is_the_users_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INVKIT_CACHE")
    assert cache_folder().name == "datasets" and "invkit" in str(cache_folder())


PROGRAM = """
import numpy as np, time
from invkit_datasets.cache import decoded
signals = ((time.sleep(0.02), np.full((3, 2, 2), i, dtype=np.uint8))[1] for i in range(5))
print(int(decoded("set", %r, 5, (3, 2, 2), signals)[4].min()))
"""


def test_two_processes_at_once(folder: Path) -> None:
    command = [sys.executable, "-c", PROGRAM % PARTS]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate()[0].strip() for process in both] == ["4", "4"]
    assert len(list(folder.iterdir())) == 1
    unused = Signals()
    assert read(unused)[4].min() == 4 and unused.asked == 0
