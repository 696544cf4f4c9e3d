"""What files and folders name."""

from __future__ import annotations

import pickle
from pathlib import Path

from invkit.batch import Item, find_items
from tests.batch.trivial import write_pictures


def test_folders_are_sorted_and_files_keep_their_order(tmp_path: Path) -> None:
    first, second, third = write_pictures(tmp_path / "a", 3)
    (tmp_path / "a" / ".hidden.png").touch()
    (tmp_path / "a" / "notes.txt").touch()
    source, failures = find_items([third, tmp_path / "a"])
    assert not failures and len(source) == 3
    assert [item.path for item in source] == [third, first, second]


def test_every_picture_has_a_name_of_its_own(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write_pictures(tmp_path / folder, 1)
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "00-2.png").touch()
    source, _ = find_items([tmp_path / "a", tmp_path / "b", tmp_path / "c"])
    assert [item.name for item in source] == ["00", "00-2", "00-2-2"]
    assert [item.name for item in source] == ["00", "00-2", "00-2-2"]  # the same each time


def test_a_path_that_names_nothing_is_a_failure(tmp_path: Path) -> None:
    (picture,) = write_pictures(tmp_path / "a", 1)
    (tmp_path / "empty").mkdir()
    source, failures = find_items([tmp_path / "none.png", picture, tmp_path / "empty"])
    assert [str(item) for item in source] == [str(picture)]
    assert [each.source for each in failures] == [str(tmp_path / "none.png"), str(tmp_path / "empty")]
    assert str(failures[0]) == f"no such file: {tmp_path / 'none.png'}; check the path"


def test_an_item_travels() -> None:
    item = Item("a", Path("a.png"))
    assert pickle.loads(pickle.dumps(item)) == item


def test_a_list_names_pictures_beside_it(tmp_path: Path) -> None:
    first, second = write_pictures(tmp_path / "a", 2)
    (other,) = write_pictures(tmp_path / "b", 1)
    named = tmp_path / "list.txt"
    named.write_text(f"a/01.png\n\n{other}\na/00.png\na/01.png\na/none.png\n")
    source, failures = find_items([named])
    assert not failures and len(source) == 4
    assert [item.path for item in source] == [second, other, first, tmp_path / "a" / "none.png"]
    assert [item.name for item in source] == ["01", "00", "00-2", "none"]


def test_a_list_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (picture,) = write_pictures(tmp_path, 1)
    (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbf" + f"{picture.name}\r\n".encode())
    source, failures = find_items([tmp_path / "list.txt"])
    assert not failures and [item.path for item in source] == [picture]


def test_a_list_that_names_nothing_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\xff")
    source, failures = find_items([tmp_path / "empty.txt", tmp_path / "bytes.txt", tmp_path / "none.txt"])
    assert not len(source)
    says = ("is empty", "cannot read the list", "no such file")
    assert all(word in each.message for word, each in zip(says, failures, strict=True))
