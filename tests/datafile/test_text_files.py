"""Packed tables: read as they are unpacked, and every damage named."""

import gzip

import pytest

from moetheory.datafile import contents, read_data

TABLE = b"a,b,y\n" + b"1,2.5,0.5\n-3e2,4,1\n" * 20


@pytest.fixture
def packed(folder):
    """``packed(content)``: what is read of a .csv.gz file."""

    def read(content: bytes):
        (folder / "x.csv.gz").write_bytes(content)
        return read_data("x.csv.gz", labels="y")

    return read


def test_several_members_are_one_text_and_a_byte_order_mark_is_none(packed):
    half = TABLE.index(b"-3e2")
    whole = gzip.compress(b"\xef\xbb\xbf" + TABLE[:half]) + gzip.compress(TABLE[half:])
    data = packed(whole)
    assert data.names == ("a", "b")
    assert data.features.tolist() == [[1.0, 2.5], [-300.0, 4.0]] * 20
    assert data.lines.tolist() == list(range(2, 42))


def test_damage_is_refused_in_words(packed, refusal):
    whole = gzip.compress(TABLE)
    flipped = bytearray(whole)
    flipped[-6] ^= 1  # of the checksum
    for content, why in (
        (TABLE, "Not a gzipped file"),
        (whole[:-9], "ended before the end-of-stream"),
        (whole + b"more", "Not a gzipped file"),
        (bytes(flipped), "CRC check failed"),
    ):
        message = refusal(packed, content)
        assert message.startswith("'x.csv.gz' is not a .gz file: ")
        assert why in message


def test_a_file_that_unpacks_to_far_more_is_refused(packed, monkeypatch, refusal):
    monkeypatch.setattr(contents, "BOMB_SIZE", 10**6)
    monkeypatch.setattr(contents, "BOMB_RATIO", 100)
    message = refusal(packed, gzip.compress(b"a,y\n" + b"1,2\n" * 10**6))
    assert message.startswith("'x.csv.gz' must not be compressed more than 100 times, got ")
    monkeypatch.setattr(contents, "BOMB_RATIO", 10**6)
    assert len(packed(gzip.compress(b"a,y\n" + b"1,2\n" * 3 * 10**5)).labels) == 300_000
