"""Class lists in the forms in which people have them, and what is refused of them."""

from pathlib import Path

import pytest
from fuzzing import TRIES, assert_survives
from repository import REPOSITORY

from unseen.base.errors import UserError
from unseen.classes import class_list
from unseen.classes.class_list import (
    ClassWords,
    read_class_list,
    read_classes,
    write_class_list,
)

LISTS = REPOSITORY / "config" / "classes"


def written(folder: Path, content: str | bytes, name: str = "list.tsv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "line 1"),
        ("name\twords\na\tb\n", "line 1"),
        ("class\twords\n", "no classes"),
        ("class\twords\na\tb\nrun fast\n", "line 3: no words .* 'run fast'"),
        ("class\twords\nrun\t \n", "line 2: no words .* 'run'"),
        ("class\twords\nrun\trun\nrun\trun\n", "line 3: the class 'run' is there twice"),
        ("class\twords\nrun\tr\xfcn\n".encode("latin-1"), "UTF-8"),
    ],
)
def test_a_broken_list_is_refused_with_its_line(tmp_path, text, complaint):
    path = tmp_path / "list.tsv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=complaint):
        read_class_list(path)


def test_a_list_survives_spreadsheets(tmp_path):
    path = tmp_path / "list.tsv"
    path.write_bytes("\ufeffclass\twords\r\nrun fast\trun fast\r\n\r\n".encode())
    assert read_class_list(path) == {"run fast": ["run", "fast"]}


def test_a_list_comes_back_as_written(tmp_path):
    classes = {"# hash": ["hash"], 'a "b", c': ["a", "b"], "été": ["summer"], "1": ["one"]}
    write_class_list(tmp_path / "list.tsv", classes)
    assert read_class_list(tmp_path / "list.tsv") == classes
    assert read_classes(tmp_path / "list.tsv") == classes


NAMES: ClassWords = {"Archery": [], "Apply Eye Makeup": []}
WORDS: ClassWords = {"Archery": ["archery"], "Apply Eye Makeup": ["eye", "makeup"]}


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        ("Archery\nApply Eye Makeup\n", NAMES),
        ("\ufeff# ours\r\nArchery\r\n\r\n  # more\r\nApply Eye Makeup", NAMES),
        ("Archery\rApply Eye Makeup\r", NAMES),
        ("1 Archery\n2 Apply Eye Makeup\n", NAMES),  # UCF101's classInd.txt
        ("0,Archery\n1,Apply Eye Makeup\n", NAMES),
        ("1\tArchery\n2\tApply Eye Makeup\n", NAMES),
        ("1. Archery\n2. Apply Eye Makeup\n", NAMES),
        ("class\nArchery\nApply Eye Makeup\n", NAMES),
        ("id,name\n0,Archery\n1,Apply Eye Makeup\n", NAMES),  # Kinetics' label map
        ('"id";"Class Name"\n0;Archery\n1;"Apply Eye Makeup"\n', NAMES),
        ('# a table\nclass,words\nArchery,archery\n\n"Apply Eye Makeup",eye makeup\n', WORDS),
        ("Class\tWords\nArchery\tarchery\nApply Eye Makeup\teye makeup\n", WORDS),
        ("Archery\tarchery\nApply Eye Makeup\teye  makeup\n", WORDS),
        ("class\twords\n# ours\nArchery\tarchery\nApply Eye Makeup\teye makeup\n", WORDS),
        ("3x3 basketball\n4x4 racing\n", {"3x3 basketball": [], "4x4 racing": []}),
        ("1 on 1\n3 on 3\n", {"1 on 1": [], "3 on 3": []}),
        ("tie a knot, not a tie\nsurf\nsurf\n", {"tie a knot, not a tie": [], "surf": []}),
    ],
)
def test_the_forms_in_which_people_have_lists(tmp_path, text, classes):
    assert read_classes(written(tmp_path, text)) == classes


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "has no classes"),
        ("# nothing\n\n", "has no classes"),
        ('["a", "b"]', "looks like JSON: write the class names one a line"),
        ("a\tb\nc\td\na\te\n", "line 3: the class 'a' is there twice"),
        ("id,name\n0,a\n1\n", "line 3: no class in the column 'name'"),
        ("class,words\n" + "a" * 200_000 + ",b\n", "no sound table: field larger"),
        ("a\n\tb\n", "line 2: no class before the tab"),
        ("a\nb\x1b[2J\n", r"line 2: a control character in 'b\\x1b\[2J'"),
        ("a\nü\n".encode("latin-1"), "line 2: not UTF-8"),
        ("a\nb\n".encode("utf-16"), "UTF-16 text: save it as UTF-8"),
    ],
)
def test_what_is_no_list_is_told_with_its_line(tmp_path, content, complaint):
    with pytest.raises(UserError, match=f"list.tsv.*{complaint}"):
        read_classes(written(tmp_path, content))


def test_a_list_without_an_end_is_refused(tmp_path, monkeypatch):
    rows = b"".join(b"c%d\n" % number for number in range(class_list.MOST + 1))
    with pytest.raises(UserError, match="more than 100,000 classes"):
        read_classes(written(tmp_path, rows))
    with (tmp_path / "list.tsv").open("wb") as stream:  # ten million rows, sparsely
        stream.truncate(100_000_000)
    with pytest.raises(UserError, match="larger than 16 MiB"):
        read_classes(tmp_path / "list.tsv")
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        read_classes(tmp_path)


def is_list(classes: ClassWords) -> None:
    assert classes
    for name, words in classes.items():
        assert name.strip() and not {*name} & {*"\t\n\r\0"}
        assert all(word and not word.isspace() for word in words)


FORMS = {
    "own": (LISTS / "ucf101.tsv").read_bytes(),
    "numbered": b"".join(b"%d Class%d\n" % (number, number) for number in range(1, 102)),
    "table": b"id,name,words\n" + b"".join(b'%d,"class %d",a b\n' % (n, n) for n in range(50)),
}


@pytest.mark.parametrize("tries", TRIES)
@pytest.mark.parametrize("form", FORMS)
def test_a_damaged_list_is_read_or_refused(tmp_path, form, tries):
    path = tmp_path / "list.tsv"
    assert_survives(read_classes, FORMS[form], path, tries=tries, check=is_list)


@pytest.mark.parametrize("tries", TRIES)
def test_a_damaged_list_of_ours_is_read_or_refused(tmp_path, tries):
    def read(path: Path) -> ClassWords:
        classes = read_class_list(path)
        assert all(classes.values())
        return classes

    assert_survives(read, FORMS["own"], tmp_path / "list.tsv", tries=tries, check=is_list)
