"""Class names to words: the rules, the lists, and what is refused."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from repository import REPOSITORY

from unseen.base.errors import UserError
from unseen.classes import words
from unseen.classes.class_list import read_class_list
from unseen.classes.words import name_words, phrase_of, split_name, words_of

LISTS = REPOSITORY / "config" / "classes"
SIZES = {
    "kinetics400": 400,
    "kinetics600": 600,
    "kinetics700": 700,
    "ucf101": 101,
    "hmdb51": 51,
    "activitynet": 200,
    "sun397": 397,
}
PARTS = st.lists(st.sampled_from(["juggle", "two", "fire", "balls", "high"]), min_size=1)


def class_list(folder: Path, rows: dict[str, str], name: str = "list") -> Path:
    path = folder / f"{name}.tsv"
    path.write_text("class\twords\n" + "".join(f"{key}\t{row}\n" for key, row in rows.items()))
    return path


def names_file(folder: Path, *names: str) -> Path:
    path = folder / "names.txt"
    path.write_text("".join(f"{name}\n" for name in names))
    return path


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("ApplyEyeMakeup", ["apply", "eye", "makeup"]),
        ("BMXRiding", ["bmx", "riding"]),
        ("BMX", ["bmx"]),
        ("brush_hair", ["brush", "hair"]),
        ("apartment_building/outdoor", ["apartment", "building", "outdoor"]),
        ("Carving jack-o-lanterns", ["carving", "jack", "o", "lanterns"]),
        ("massaging person's head", ["massaging", "person", "head"]),
        ("rock 'n' roll", ["rock", "n", "roll"]),
        ("hurling (sport)", ["hurling", "sport"]),
        ("Übung", ["übung"]),
        ("4x4Racing", ["4x4", "racing"]),
    ],
)
def test_a_name_is_split_at_whatever_separates(name, parts):
    assert split_name(name) == parts


@given(PARTS)
def test_the_kind_of_separator_does_not_matter(parts):
    written = [
        " ".join(parts),
        "_".join(parts),
        "-".join(parts),
        "/".join(parts),
        "".join(map(str.capitalize, parts)),
    ]
    assert {tuple(split_name(name)) for name in written} == {tuple(parts)}


def test_function_words_and_negations_are_dropped():
    assert words_of("a ball on the table (not in the net)") == ["ball", "table"]
    assert phrase_of("PettingAnimal (not cat)") == "petting animal"
    assert words_of("the (not a cat)") == []


@pytest.mark.skipif(words._lemmatiser() is None, reason="WordNet is not installed")
def test_verbs_take_wordnets_form_with_its_quirks():
    assert words_of("riding a bike") == ["rid", "bike"]
    rows = read_class_list(LISTS / "kinetics700.tsv")
    agreeing = sum(words_of(name) == row for name, row in rows.items())
    assert agreeing > 0.9 * len(rows)


@pytest.mark.parametrize("dataset", SIZES)
def test_the_shipped_lists_are_whole(dataset):
    rows = read_class_list(LISTS / f"{dataset}.tsv")
    assert len(rows) == SIZES[dataset]
    assert len({tuple(sorted(row)) for row in rows.values()}) == SIZES[dataset]


def test_the_lists_classes_are_the_data_sets_even_without_videos(tmp_path):
    source = class_list(tmp_path, {"Run": "run", "Walk": "walk", "Skip": "skip"})
    output = tmp_path / "out.tsv"
    name_words(
        "mine", output, names=names_file(tmp_path, "Walk"), class_list=source, exclude=["Skip"]
    )
    assert read_class_list(output) == {"Run": ["run"], "Walk": ["walk"]}


def test_a_class_that_the_list_lacks_is_refused_by_name(tmp_path):
    source = class_list(tmp_path, {"Juggling": "juggle", "Walk": "walk"})
    with pytest.raises(UserError, match=r"'juggling' \(near 'Juggling'\)"):
        name_words(
            "mine", tmp_path / "o", names=names_file(tmp_path, "juggling"), class_list=source
        )
    assert not (tmp_path / "o").exists()


def test_a_known_name_takes_the_lists_words_and_others_the_rules(tmp_path):
    first = class_list(tmp_path, {"ride_horse": "ride horse"}, "first")
    second = class_list(tmp_path, {"RideHorse": "rid horse", "Ping-pong": "table tennis"}, "second")
    names = names_file(tmp_path, "RideHorse", "ping_pong", "Ride horse", "ball (not red)")
    output = tmp_path / "out.tsv"
    summary = name_words("mine", output, names=names, known=[first, second])
    assert read_class_list(output) == {
        "RideHorse": ["rid", "horse"],  # spelled so in the second list
        "ping_pong": ["table", "tennis"],
        "Ride horse": ["ride", "horse"],  # only the parts match, so the first list's
        "ball (not red)": ["ball"],
    }
    assert "2 from second, 1 from first, 1 from the rules" in summary
    assert "ball (not red): ball" in summary
    assert ("WordNet is not installed" in summary) == (words._lemmatiser() is None)


def test_a_name_without_words_is_refused(tmp_path):
    names = names_file(tmp_path, "walk", "to and with", "the")
    with pytest.raises(UserError, match="'to and with', 'the'"):
        name_words("mine", tmp_path / "out.tsv", names=names)
    name_words("mine", tmp_path / "out.tsv", names=names, exclude=["to and with", "the"])
    assert read_class_list(tmp_path / "out.tsv") == {"walk": ["walk"]}
    with pytest.raises(UserError, match="mine has no classes"):
        name_words("mine", tmp_path / "out.tsv")


def test_a_list_of_names_alone_gets_its_words_from_the_rules(tmp_path):
    names, output = tmp_path / "names.txt", tmp_path / "out.tsv"
    names.write_text("spinning a sphere\n\nsurfing\nsurfing\n")
    name_words("mine", output, class_list=names)
    assert list(read_class_list(output)) == ["spinning a sphere", "surfing"]
    names.write_text("\n")
    with pytest.raises(UserError, match=r"names\.txt has no classes"):
        name_words("mine", output, class_list=names)
