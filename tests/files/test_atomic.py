"""Atomic writes: the complete file, or what was there before."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from invkit.errors import InputError, OutputError
from invkit.files.atomic import atomic_write, check_name


def test_binary_content_appears_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "data.bin"
    with atomic_write(target) as stream:
        stream.write(b"\x00\xff")
        assert not target.exists()
    assert target.read_bytes() == b"\x00\xff"
    assert list(target.parent.iterdir()) == [target]


def test_text_is_utf8_with_newlines_as_written(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    with atomic_write(target, text=True) as stream:
        stream.write("‖y‖²\n")
    assert target.read_bytes() == "‖y‖²\n".encode()


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_a_failing_block_leaves_the_earlier_file_and_nothing_else(
    tmp_path: Path, failure: type[BaseException]
) -> None:
    target = tmp_path / "a.txt"
    target.write_text("before")
    with pytest.raises(failure), atomic_write(target, text=True) as stream:
        stream.write("after")
        raise failure
    assert target.read_text() == "before"
    assert list(tmp_path.iterdir()) == [target]


def test_an_error_of_the_block_that_is_not_about_this_file_passes_through(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="elsewhere"), atomic_write(tmp_path / "a"):
        (tmp_path / "elsewhere").read_text()
    with pytest.raises(InputError, match="unusable"), atomic_write(tmp_path / "a"):
        raise InputError("unusable")
    with pytest.raises(OutputError, match=r"^inner$"), atomic_write(tmp_path / "a"):
        raise OutputError("inner")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_explained_and_leaves_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match=r"cannot write .*a\.bin: .*space"),
        atomic_write(tmp_path / "a.bin"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert not list(tmp_path.iterdir())


def test_a_failing_rename_is_explained_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: object, target: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(source), None, str(target))

    monkeypatch.setattr(os, "replace", refuse)
    with (
        pytest.raises(OutputError, match="Permission denied") as caught,
        atomic_write(tmp_path / "a") as stream,
    ):
        stream.write(b"x")
    assert caught.value.hint is not None
    assert not list(tmp_path.iterdir())


def test_a_folder_under_a_file_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with (
        pytest.raises(OutputError, match="cannot write") as caught,
        atomic_write(tmp_path / "file" / "a.bin"),
    ):
        raise AssertionError("the block must not run")
    assert "folder" in str(caught.value.hint)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_read_only_folder_is_explained(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(OutputError, match="Permission denied"), atomic_write(locked / "a.bin"):
        raise AssertionError("the block must not run")


def test_a_folder_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="it is a folder"), atomic_write(tmp_path):
        raise AssertionError("the block must not run")
    assert tmp_path.is_dir()


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_permissions_are_those_of_a_plain_open_or_of_the_file_replaced(tmp_path: Path) -> None:
    plain, atomic = tmp_path / "plain", tmp_path / "atomic"
    plain.write_text("x")
    with atomic_write(atomic) as stream:
        stream.write(b"x")
    assert atomic.stat().st_mode == plain.stat().st_mode
    atomic.chmod(0o600)
    with atomic_write(atomic) as stream:
        stream.write(b"y")
    assert atomic.stat().st_mode & 0o777 == 0o600


def test_names_are_counted_in_bytes(tmp_path: Path) -> None:
    name = "漢" * 83 + ".png"  # 253 bytes
    with atomic_write(tmp_path / name) as stream:
        stream.write(b"a")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    for long in ("漢" * 84 + ".png", "x" * 256):
        with pytest.raises(OutputError, match=r"25[67] bytes, the file system takes 255"):
            check_name(tmp_path / "not yet there" / long)
        with pytest.raises(OutputError, match=r"too long|bytes"), atomic_write(tmp_path / long) as stream:
            stream.write(b"a")


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
def test_whole_paths_are_counted_too(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d" * 99] * (os.pathconf(tmp_path, "PC_PATH_MAX") // 100 + 1))
    check_name(deep.parents[2] / "a.png")
    with pytest.raises(OutputError, match=r"path of a\.png has \d+ bytes, more than the system takes"):
        check_name(deep / "a.png")
    with pytest.raises(OutputError, match="zero byte"):
        check_name(tmp_path / "a\0.png")
