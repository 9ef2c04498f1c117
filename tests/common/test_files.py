"""Files are written whole or not at all."""

import os

import pytest

from moetheory.common.files import (
    discard_unfinished,
    is_regular_file,
    open_regular,
    replacing,
    replacing_bytes,
    resolved,
)


@pytest.mark.parametrize("kind", [str, lambda path: path], ids=["str", "Path"])
def test_the_file_appears_when_the_block_ends(tmp_path, kind):
    target = tmp_path / "a.txt"
    with replacing(kind(target)) as file:
        file.write("σ² = 1\n")
        assert not target.exists()
    assert target.read_bytes() == "σ² = 1\n".encode()
    assert list(tmp_path.iterdir()) == [target]


def test_bytes_are_written_as_they_are(tmp_path):
    target = tmp_path / "a.bin"
    with replacing_bytes(target) as file:
        file.write(b"\r\n\0\xff")
        assert not target.exists()
    assert target.read_bytes() == b"\r\n\0\xff"
    assert list(tmp_path.iterdir()) == [target]


def test_it_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    target, synced = tmp_path / "a.txt", []

    def fsync(descriptor):
        assert not target.exists()
        synced.append(os.fstat(descriptor).st_size)

    monkeypatch.setattr(os, "fsync", fsync)
    with replacing_bytes(target) as file:
        file.write(b"four")
    assert synced == [4]


def test_what_a_killed_process_left_is_discarded_and_nothing_else(tmp_path, monkeypatch):
    target = tmp_path / "a[1].txt"
    kept = [
        tmp_path / name for name in ("a[1].txt", ".a[1].txt.tmp", ".a1.txt.0123456789abcdef.tmp")
    ]
    for each in kept:
        each.write_text("kept")
    with monkeypatch.context() as patch, replacing(target) as file:
        file.write("left")
        patch.setattr("pathlib.Path.replace", lambda *_: None)
        patch.setattr("pathlib.Path.unlink", lambda *_, **__: None)
    assert len(list(tmp_path.iterdir())) == len(kept) + 1
    discard_unfinished(target)
    assert sorted(tmp_path.iterdir()) == sorted(kept)
    discard_unfinished(tmp_path / "nowhere" / "a.txt")


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("before", [None, b"old"])
def test_an_error_changes_nothing(tmp_path, error, before):
    target = tmp_path / "a.txt"
    if before is not None:
        target.write_bytes(before)

    def fails(file):
        file.write("new")
        file.flush()
        raise error

    with pytest.raises(error), replacing(target) as file:
        fails(file)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [before] * (before is not None)


def test_a_missing_folder_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "nowhere" / "a.txt"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_links_are_followed_and_modes_kept(tmp_path):
    target, link = tmp_path / "real", tmp_path / "link"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    with replacing(link) as file:
        file.write("new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o640


def test_whoever_reads_the_old_file_can_read_on(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with target.open() as reader:
        with replacing(target) as file:
            file.write("new")
        assert reader.read() == "old"
    assert target.read_text() == "new"


def test_what_is_no_regular_file_is_written_to_and_stays(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with replacing(pipe) as file:
        file.write("through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    assert pipe.is_fifo()


@pytest.mark.parametrize("read", [is_regular_file, open_regular])
def test_pipes_devices_and_folders_are_refused_and_not_waited_for(tmp_path, read):
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to("/dev/zero")
    for path in (pipe, link, "/dev/zero", tmp_path):
        with pytest.raises((OSError, ValueError), match=r"must be a regular file|directory"):
            read(path)


def test_regular_files_are_read_through_links(tmp_path):
    file, link = tmp_path / "file", tmp_path / "link"
    link.symlink_to(file)
    assert not is_regular_file(link)
    with pytest.raises(FileNotFoundError):
        open_regular(link)
    file.write_bytes(b"content")
    assert is_regular_file(link)
    with open_regular(link) as opened:
        assert opened.read() == b"content"


@pytest.mark.parametrize("use", [is_regular_file, open_regular, resolved, discard_unfinished])
def test_a_circle_of_links_is_an_error(tmp_path, use):
    circle = tmp_path / "circle"
    circle.symlink_to(circle)
    with pytest.raises(OSError, match=r"symbolic links"):
        use(circle)
