"""Further protocols in the plan: found early, read by the score alone, by content."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from repository import REPOSITORY

from unseen.base.errors import UserError
from unseen.plan import listing, scoring, sources, versions
from unseen.plan.plan import Plan, read_plan

RUNS = {
    "objects": {"method": "convex", "weights": "efficientnet_lite2", "unseen": ["ucf101"]},
    "motion": {"method": "motion", "train_on": "photos", "unseen": ["ucf101"]},
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "videos").mkdir()
    (tmp_path / "words.txt").touch()
    (tmp_path / "lists").mkdir()
    for number in (1, 2, 3):
        (tmp_path / f"lists/testlist0{number}.txt").write_text("Archery/v_Archery_g01_c01.avi\n")
    (tmp_path / "mine.csv").write_text("split,part,class\n0,test,Archery\n0,test,Surfing\n")
    return tmp_path


def plan_of(place: Path, runs: dict[str, Any] = RUNS, **keys: Any) -> Plan:
    root = str(place / "videos")
    datasets = {
        "ucf101": {"layout": "ucf101", "root": root, **keys},
        "photos": {"layout": "folders", "root": root},
    }
    values = {"word_vectors": str(place / "words.txt"), "datasets": datasets, "runs": runs}
    plan = read_plan(values, "my.yaml", REPOSITORY)
    sources.check_sources(plan)
    return plan


def test_only_the_score_is_told(place: Path) -> None:
    none = plan_of(place)
    plan = plan_of(
        place, annotations=str(place / "lists"), splits=["truze", str(place / "mine.csv")]
    )
    run = plan.runs["objects"]
    told = scoring.arguments(plan, run, "ucf101")
    assert told[told.index("--lists") + 1] == f"ucf101={place}/lists"
    truze = REPOSITORY / "config/splits/ucf101_truze.csv"
    assert told[told.index("--splits") + 1 :][:2] == [f"truze={truze}", f"mine={place}/mine.csv"]
    assert {*scoring.protocols(plan, "ucf101")["protocols"]} == {"lists", "truze", "mine"}
    assert scoring.inputs(plan, run, "ucf101") == scoring.inputs(none, run, "ucf101")
    assert listing.places(plan, "ucf101") == listing.places(none, "ucf101")
    digests = [sources.listing_digest(one, "ucf101") for one in (none, plan)]
    assert digests[0] == digests[1]


def test_the_content_of_lists_and_splits_counts_and_not_their_place(place: Path) -> None:
    def content() -> dict[str, Any]:
        keys = {"annotations": str(place / "lists"), "splits": str(place / "mine.csv")}
        return scoring.protocols(plan_of(place, **keys), "ucf101")["protocols"]

    first = content()
    shutil.copytree(place, other := place / "other")
    keys = {"annotations": str(other / "lists"), "splits": str(other / "mine.csv")}
    assert scoring.protocols(plan_of(place, **keys), "ucf101")["protocols"] == first
    with (place / "mine.csv").open("a") as stream:
        stream.write("1,test,Archery\n")
    assert content().keys() == first.keys() and content()["mine"] != first["mine"]


def test_a_protocol_is_a_part_of_a_result_s_version(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)

    def score(**keys: Any) -> dict[str, Any]:
        told = versions.arguments(plan_of(place, **keys), "table2", ["objects/ucf101"], {})
        stages = json.loads(Path(told[1].removeprefix("@")).read_text())
        settings: dict[str, Any] = stages["score_videos"]["settings"]
        return settings

    assert score() == {}
    assert score(splits=["truze", "unseen"])["ucf101"].keys() == {"truze", "unseen"}


def test_unseen_classes_follow_the_threshold_and_all_that_was_seen(place: Path) -> None:
    plan = plan_of(place, splits="unseen")
    assert scoring.protocols(plan, "ucf101") == {"protocols": {"unseen": 0.05}}
    for name, seen in (("objects", "imagenet1k"), ("motion", "photos")):
        run = plan.runs[name]
        added = {*scoring.inputs(plan, run, "ucf101").small}
        added -= {*scoring.inputs(plan_of(place), run, "ucf101").small}
        kept = {f"results/kept/{name}.txt"} if name == "motion" else set()
        assert added == {f"results/class_embeddings/word2vec/{seen}.h5", *kept}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"splits": "truzee"}, r"datasets\.ucf101\.splits: .*/config/splits/ucf101_truzee\.csv"),
        ({"splits": "a/gone.csv"}, r"datasets\.ucf101\.splits: a/gone\.csv"),
        ({"splits": "full"}, r"datasets\.ucf101\.splits: full: another protocol has the name full"),
        (
            {"splits": ["truze", "a/truze.csv"]},
            r"truze\.csv: another protocol has the name truze",
        ),
        ({"splits": ["unseen", "unseen"]}, r"'unseen' is there twice"),
        ({"splits": "truze", "layout": None, "root": None}, r"a class list alone has no videos"),
        ({"annotations": "gone"}, r"annotations, a folder of test lists: gone"),
        ({"annotations": "src"}, r"src lacks testlist01\.txt.*unseen fetch ucf101-splits"),
        ({"splits": "truze", "exclude": ["Billiards"]}, r"lacks 1, 'Billiards' .*the first"),
    ],
)
def test_mistakes_are_said_before_anything_runs(
    place: Path, keys: dict[str, Any], message: str
) -> None:
    runs = {"objects": RUNS["objects"]} if "layout" in keys else RUNS
    with pytest.raises(UserError, match=message):
        plan_of(place, runs, **keys)


def test_a_split_of_another_data_set_s_spelling_is_refused(place: Path) -> None:
    (place / "mine.csv").write_text("split,part,class\n0,test,Archery\n0,test,Apply Lipstick\n")
    with pytest.raises(UserError, match=r"lacks 1, 'Apply Lipstick' \(is it 'ApplyLipstick'\?\)"):
        plan_of(place, splits=str(place / "mine.csv"))
