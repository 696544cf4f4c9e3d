"""Archives: what they list, and what of hostile and damaged ones is refused."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from invkit.errors import InputError
from invkit.files.archives import list_archive, names_of_archives, read_member

LONG = "a" * 120 + "/" + "b" * 80 + ".png"
FILES = {"./one.png": b"1", "more/two.jpg": b"22" * 400, LONG: b"3", "ä.png": b"4", "one.cls": b"5"}


def write_tar(path: Path, files: Mapping[str, bytes], form: int = tarfile.GNU_FORMAT) -> Path:
    with tarfile.open(path, "w", format=form) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def write_zip(path: Path, files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def contents(path: Path) -> dict[str, bytes]:
    found = list_archive(path)
    assert found.problem is None
    return {found[n].name: read_member(path, found[n], 10**6).content for n in range(len(found))}


PICTURES = {name: content for name, content in FILES.items() if name != "one.cls"}


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tars_of_every_format(form: int, tmp_path: Path) -> None:
    longer = {} if form == tarfile.USTAR_FORMAT else {"c" * 300 + ".png": b"6"}
    assert contents(write_tar(tmp_path / "a.tar", {**FILES, **longer}, form)) == {**PICTURES, **longer}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_zips(method: int, tmp_path: Path) -> None:
    assert contents(write_zip(tmp_path / "a.zip", FILES, method)) == PICTURES


def test_a_zip_behind_something_else_and_before_a_comment(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", FILES)
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"PK" * 500
    path.write_bytes(b"#!/bin/sh\n" * 50 + path.read_bytes())
    assert contents(path) == PICTURES


def test_a_zip_of_64_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 0)  # so that every number stands where large ones do
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)
    path = write_zip(tmp_path / "a.zip", FILES)
    assert path.read_bytes().count(b"PK\6\6") == 1 and contents(path) == PICTURES


@pytest.mark.parametrize("place", [0, 8, 28, 42])
def test_a_zip_with_a_damaged_list_gives_what_stands_before(place: int, tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"a.png": b"1", "b.png": b"2"})
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\1\2") + place
    content[at : at + 2] = b"\xff\xff"
    path.write_bytes(content)
    found = list_archive(path)
    if place == 8:  # flags alone: it is taken for encrypted
        assert found.names == ("a.png", "b.png") and found.problem is None
    else:
        assert found.names == ("a.png",) and found.problem is not None


@pytest.mark.parametrize("write", [write_tar, write_zip])
def test_what_is_hidden_or_no_file_is_passed_over(write, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    hidden = {".a.png": b"", "__MACOSX/._a.png": b"", ".thumbs/a.png": b"", "b.png": b"b", "c.png/": b""}
    assert contents(write(tmp_path / f"a.{write.__name__[-3:]}", hidden)) == {"b.png": b"b"}


def test_links_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE):
            info = tarfile.TarInfo("link.png")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    link = zipfile.ZipInfo("link.png")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as zipped:
        zipped.writestr(link, "/etc/passwd")
    for each in (path, tmp_path / "a.zip"):
        with pytest.raises(InputError, match="no image in the archive"):
            list_archive(each)


def test_a_bomb_is_refused_by_its_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_zip(tmp_path / "a.zip", {"bomb.png": bytes(70_000)})
    monkeypatch.setattr("invkit.files.bounded.FREE", 1000)
    with pytest.raises(InputError, match=r"bomb\.png: it says that it unpacks from .* bytes to 70,000"):
        read_member(path, list_archive(path)[0], 10**6)
    with pytest.raises(InputError, match="70,000 bytes, more than a picture"):
        read_member(path, list_archive(path)[0], 10**4)


def test_a_member_that_unpacks_to_more_than_it_says_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"a.png": bytes(1000)})
    content = path.read_bytes()
    path.write_bytes(content.replace(struct.pack("<I", 1000), struct.pack("<I", 10)))
    with pytest.raises(InputError, match="damaged"):
        read_member(path, list_archive(path)[0], 10**6)


def test_a_damaged_member_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"a.png": b"12345", "b.png": b"6"}, zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"12345", b"12346"))
    found = list_archive(path)
    with pytest.raises(InputError, match=r"a\.zip/a\.png: it is damaged"):
        read_member(path, found[0], 100)
    assert read_member(path, found[1], 100).content == b"6"


def test_rare_compression_and_encryption_are_named(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"a.png": b"1" * 100}, zipfile.ZIP_LZMA)
    with pytest.raises(InputError, match="compressed by method 14"):
        read_member(path, list_archive(path)[0], 1000)
    path = write_zip(tmp_path / "b.zip", {"a.png": b"1"}, zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="encrypted"):
        read_member(path, list_archive(path)[0], 1000)


@pytest.mark.parametrize(
    ("cut", "listed", "says"),
    [(1536, 1, "no end"), (1700, 1, "damaged"), (2100, 1, "cut off"), (3072, 2, "no end")],
)
def test_a_tar_that_is_cut_off_gives_what_stands_before(
    cut: int, listed: int, says: str, tmp_path: Path
) -> None:
    path = write_tar(tmp_path / "a.tar", {"a.png": b"1" * 600, "b.png": b"2" * 600})
    path.write_bytes(path.read_bytes()[:cut])
    found = list_archive(path)
    assert len(found) == listed and says in str(found.problem)


def test_a_tar_with_a_damaged_header(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {"a.png": b"1", "b.png": b"2"})
    content = bytearray(path.read_bytes())
    content[1024 + 5] ^= 1
    path.write_bytes(content)
    found = list_archive(path)
    assert found.names == ("a.png",) and found.problem == "it is damaged, or no tar, at byte 1,024"


@pytest.mark.parametrize("name", ["a.tar", "a.zip"])
@pytest.mark.parametrize("content", [b"", b"no archive" * 100, b"\x1f\x8b" + bytes(600)])
def test_what_is_no_archive(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=r"cannot read the archive .*; give a zip, or a tar without"):
        list_archive(tmp_path / name)


@pytest.mark.parametrize("said", [b"9999999 path=a", b"0 path=a\n", b"x path=a\n", b"12 size=-99\n", b"path"])
def test_headers_that_say_nonsense(said: bytes, tmp_path: Path) -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, len(said)
    more = info.tobuf(tarfile.USTAR_FORMAT) + said.ljust(512, b"\0")
    (tmp_path / "a.tar").write_bytes(more + write_tar(tmp_path / "b.tar", {"a.png": b""}).read_bytes())
    with pytest.raises(InputError, match="cannot read the archive"):
        list_archive(tmp_path / "a.tar")


def test_archives_of_a_folder_are_sorted(tmp_path: Path) -> None:
    for name in ("b.tar", "a.ZIP", ".c.tar", "d.png"):
        (tmp_path / name).touch()
    assert names_of_archives(tmp_path) == ["a.ZIP", "b.tar"] and names_of_archives(tmp_path / "none") == []
