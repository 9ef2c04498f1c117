"""What tests of data files share: a folder to work in, a table to read, the text of a refusal."""

import pytest

from moetheory.datafile import read_data


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def csv(folder):
    """``csv(content, **asked)``: what is read from a table, by default with labels y."""

    def read(content: str | bytes, labels: str = "y", **asked):
        raw = content.encode() if isinstance(content, str) else content
        (folder / "x.csv").write_bytes(raw)
        return read_data("x.csv", labels=labels, **asked)

    return read


@pytest.fixture
def refusal():
    """``refusal(read, ...)``: the message with which something is refused; it has one line."""

    def message(read, *arguments, **asked):
        with pytest.raises(ValueError, match=r"\A[^\n]*\Z") as error:
            read(*arguments, **asked)
        return str(error.value)

    return message
