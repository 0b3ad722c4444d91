"""Reading a few words out of a large file: the parser against gensim, and damaged files."""

import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from gensim.models import FastText, KeyedVectors
from gensim.models.fasttext import save_facebook_model
from hypothesis import given
from hypothesis import strategies as st

from unseen.base.errors import UserError
from unseen.classes import word_vectors
from unseen.classes.word_vectors import read_vectors

WORDS = st.lists(
    st.text(st.characters(exclude_characters=" \n", exclude_categories=["Cs"]), min_size=1),
    min_size=1,
    max_size=20,
    unique=True,
)


def vectors_of(count: int, dimension: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)


def binary(words: list[str], vectors: np.ndarray, *, newline: bytes = b"\n") -> bytes:
    """A file as the original tool writes it (GoogleNews has no line ends after the vectors)."""
    rows = zip(words, vectors, strict=True)
    body = b"".join(word.encode() + b" " + vector.tobytes() + newline for word, vector in rows)
    return b"%d %d\n" % vectors.shape + body


def write(folder: Path, content: bytes, name: str = "vectors.bin") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("vectors")


@given(
    words=WORDS,
    dimension=st.integers(1, 40),
    newline=st.sampled_from([b"", b"\n"]),
    zipped=st.booleans(),
    chunk=st.sampled_from([64, 100, 1 << 20]),
)
def test_the_parser_reads_what_gensim_reads(folder, words, dimension, newline, zipped, chunk):
    vectors = vectors_of(len(words), dimension)
    content = binary(words, vectors, newline=newline)
    path = write(folder, content)
    theirs = KeyedVectors.load_word2vec_format(str(path), binary=True)
    if zipped:
        path = write(folder, gzip.compress(content), "vectors.gz")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(word_vectors, "CHUNK", chunk)
        ours = read_vectors(path, words)
    assert ours.words == sorted(words)
    assert ours.missing == {}
    np.testing.assert_array_equal(ours.vectors, theirs[ours.words])


def write_glove(vectors: KeyedVectors, path: Path) -> None:
    lines = [f"{word} {' '.join(map(str, vectors[word]))}\n" for word in vectors.index_to_key]
    path.write_text("".join(lines))


@pytest.mark.parametrize(
    ("name", "save"),
    [
        ("a.kv", lambda vectors, path: vectors.save(str(path))),
        ("a.txt", lambda vectors, path: vectors.save_word2vec_format(str(path))),
        ("a.vec.gz", lambda vectors, path: vectors.save_word2vec_format(str(path))),
        ("glove.txt", write_glove),
    ],
)
def test_other_formats_go_through_gensim(tmp_path, name, save):
    words = ["bike", "horse", "Skyjet"]
    vectors = KeyedVectors(5)
    vectors.add_vectors(words, vectors_of(3))
    save(vectors, tmp_path / name)
    selection = read_vectors(tmp_path / name, ["bike", "Skyjet", "skyjet"])
    assert selection.words == ["Skyjet", "bike"]
    np.testing.assert_allclose(selection.vectors, vectors_of(3)[[2, 0]], rtol=1e-6)
    assert selection.missing == {"skyjet": ["Skyjet"]}


def test_of_a_fasttext_model_only_the_vocabulary_counts(tmp_path):
    model = FastText([["ride", "bike"], ["ride", "horse"]], vector_size=4, min_count=1, bucket=50)
    save_facebook_model(model, str(tmp_path / "model.bin"))
    selection = read_vectors(tmp_path / "model.bin", ["ride", "rides"])
    np.testing.assert_allclose(selection.vectors[0], model.wv["ride"], rtol=1e-5)
    assert selection.missing == {"rides": ["ride"]}


def test_missing_words_come_with_words_spelled_like_them(tmp_path):
    words = ["Photobomb", "photo", "juggle", "juggler", "zebra"]
    path = write(tmp_path, binary(words, vectors_of(5)))
    selection = read_vectors(path, ["zebra", "photobombing", "jugggle", "xylophone"])
    assert selection.words == ["zebra"]
    assert selection.missing == {
        "jugggle": ["juggle", "juggler"],
        "photobombing": ["Photobomb"],
        "xylophone": [],
    }


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("end", [0.3, 0.9, 0.999])
def test_a_truncated_file_is_refused(tmp_path, zipped, end):
    content = binary([f"w{n}" for n in range(100)], vectors_of(100), newline=b"")
    content = gzip.compress(content) if zipped else content
    path = write(tmp_path, content[: int(len(content) * end)])
    with pytest.raises(UserError, match=r"vectors\.bin is damaged or not complete"):
        read_vectors(path, ["w3"])


def test_a_damaged_gzip_file_is_refused(tmp_path):
    content = bytearray(gzip.compress(binary(["a", "b"], vectors_of(2, 3000))))
    content[len(content) // 2] ^= 0xFF
    with pytest.raises(UserError, match="damaged"):
        read_vectors(write(tmp_path, bytes(content)), ["a"])


@pytest.mark.parametrize("claimed", [b"100 4", b"100 6", b"100 300", b"99 5", b"101 5"])
def test_a_header_that_does_not_fit_is_refused(tmp_path, claimed):
    content = binary([f"w{n}" for n in range(100)], vectors_of(100))
    path = write(tmp_path, claimed + content[content.index(b"\n") :])
    with pytest.raises(UserError, match=r"vectors\.bin"):
        read_vectors(path, ["w3"])


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "empty file"),
        (b"0 300\n", "promises 0 words"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "gensim cannot read"),
        (b"\x80\x04\x95nonsense", "gensim cannot read"),
        (b"2 3\na 1 2 3\nb 1 2\n", "gensim cannot read"),
        (b"2 3\na 1 2 3\n", "gensim cannot read"),
        (b"2 3\na 1 2 3\na 1 2 3\n", "holds words twice"),
        (b"a 1 2 3\na 1 2 3\n", "holds words twice"),
        (binary(["a", "b", "a"], vectors_of(3)), "holds the word 'a' twice"),
        (binary(["a", "b"], np.array([[1, np.nan], [1, 2]], np.float32)), "not finite.*: a"),
        (binary(["a", "b"], np.array([[1, 2], [0, 0]], np.float32)), "is zero: b"),
        (binary(["a", "b"], np.array([[1, 2], [np.inf, 0]], np.float32)), "not finite.*: b"),
    ],
)
def test_a_broken_file_is_refused_with_its_name(tmp_path, content, complaint):
    with pytest.raises(UserError, match=rf"vectors\.bin.*{complaint}|{complaint}.*vectors\.bin"):
        read_vectors(write(tmp_path, content), ["a", "b"])


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.bin are not there"):
        read_vectors(tmp_path / "nowhere.bin", ["a"])


def test_memory_does_not_grow_with_the_file(tmp_path):
    words = [f"w{n}" for n in range(20_000)]
    path = write(tmp_path, binary(words, vectors_of(20_000, 300)))
    assert path.stat().st_size > 24_000_000
    tracemalloc.start()
    read_vectors(path, words[::1000])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12_000_000
