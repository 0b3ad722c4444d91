"""Runs of method dual in a configuration: mistakes by their key, and what their stages read."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from dual_models import FRAMES, SIZE, save_dual
from repository import REPOSITORY

from unseen.base.errors import UserError
from unseen.plan import classes, dual, embedding, report_page, scoring
from unseen.plan.plan import Plan, read_plan
from unseen.plan.runs import pretraining, trained_on


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    pytest.importorskip("transformers")
    base = tmp_path_factory.mktemp("folders")
    return {kind: save_dual(kind, base / kind) for kind in ("clip", "xclip")}


def plan_of(folder: Path, table2: list[Any] | None = None, **keys: Any) -> Plan:
    run = {"method": "dual", "weights": str(folder), "unseen": ["tests"]} | keys
    config = {
        "datasets": {"tests": {"layout": "folders", "root": "videos", "shards": 1}},
        "runs": {"own": run},
        "table2": table2 or [],
        "embeddings": {"phrases": {"encoder": "encoder"}},
    }
    return read_plan(config, "config.yaml", REPOSITORY)


def test_texts_of_a_run_are_an_embedding_of_its_own(folders: dict[str, Path]) -> None:
    plan = plan_of(folders["clip"], prompts=["so {}", "{}"])
    run = plan.runs["own"]
    texts = "results/class_embeddings/own-prompts/tests.h5"
    assert texts in scoring.arguments(plan, run, "tests")
    assert dual.prompts(plan, "own-prompts") == ["so {}", "{}"]
    assert texts not in embedding.inputs(plan, run).large
    assert plan.side(run) == f"{SIZE}-bicubic"
    assert classes.embedded_sets(plan) == []  # no word vector is needed
    assert pretraining(run, plan.runs) == ([], [str(folders["clip"])])


def test_the_report_shows_no_overlap_where_nothing_is_known_to_be_seen(
    folders: dict[str, Path],
) -> None:
    table = [{"run": "own", "datasets": ["tests"]}]
    assert report_page.report_plan(plan_of(folders["clip"], table2=table)).overlap == {}
    seen = plan_of(folders["clip"], table2=table, trained_on="kinetics400")
    assert report_page.report_plan(seen).overlap == {"own": "results/overlap/own.csv"}


def test_classes_that_depend_on_the_video_are_read_with_the_videos(
    folders: dict[str, Path],
) -> None:
    plan = plan_of(folders["xclip"])
    run = plan.runs["own"]
    texts = "results/class_embeddings/own-prompts/tests.h5"
    assert texts in embedding.inputs(plan, run).large
    assert f"tests={texts}" in embedding.arguments(plan, run)


def test_what_a_model_is_said_to_have_seen_is_compared_by_word_vectors(
    folders: dict[str, Path],
) -> None:
    plan = plan_of(folders["clip"], trained_on="kinetics400")
    assert classes.embedded_sets(plan) == ["kinetics400", "tests"]
    run = plan.runs["own"]
    assert pretraining(run, plan.runs)[1] == [str(folders["clip"])]  # the web before that
    assert trained_on(run, plan.runs) == "kinetics400, not known"


def test_a_folder_counts_by_its_content(folders: dict[str, Path], tmp_path: Path) -> None:
    moved = Path(shutil.copytree(folders["clip"], tmp_path / "moved"))
    (moved / "README.md").write_text("of no effect")
    one, other = plan_of(folders["clip"]), plan_of(moved)
    assert dual.folder_content(one, one.runs["own"]) == dual.folder_content(
        other, other.runs["own"]
    )
    (moved / "tokenizer_config.json").write_text("{}")
    changed = plan_of(Path(shutil.copytree(moved, tmp_path / "changed")))
    assert dual.folder_content(changed, changed.runs["own"]) != dual.folder_content(
        one, one.runs["own"]
    )


@pytest.mark.parametrize(
    ("kind", "keys", "message"),
    [
        ("xclip", {"input": {"frames": 8}}, f"weights: .* takes {FRAMES} .*remove input.frames"),
        ("clip", {"input": {"crop": 16}}, f"weights: .* takes {SIZE} .*remove input.crop"),
        ("clip", {"input": {"short_side": 16}}, "short_side 16 is smaller than the 32 pixels"),
        ("clip", {"prompts": ["no place"]}, r"runs.own.prompts\[0\]"),
        ("clip", {"prompts": []}, "runs.own.prompts is empty"),
        ("clip", {"likeliest": 3}, "runs.own.likeliest has no effect on method: dual"),
        ("clip", {"embedding": "phrases"}, "runs.own.embedding has no effect on method: dual"),
        ("clip", {"epochs": 3}, "runs.own.epochs has no effect on method: dual"),
        ("clip", {"weights": "nowhere"}, "runs.own.weights: nowhere is no folder"),
        ("clip", {"weights": None}, "runs.own.weights"),
        ("clip", {"method": "word_space", "prompts": ["{}"]}, "is read with method: dual alone"),
    ],
)
def test_mistakes_are_named_with_their_key(
    folders: dict[str, Path], kind: str, keys: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        plan_of(folders[kind], **keys)
    lines = str(caught.value).splitlines()
    assert all(line.strip().startswith("config.yaml: runs.own") for line in lines)


def test_another_frame_rate_is_taken(folders: dict[str, Path]) -> None:
    plan = plan_of(folders["xclip"], input={"frame_rate": 4, "frames": FRAMES})
    assert dual.input_settings(plan, plan.runs["own"]) == {"frame_rate": 4, "frames": FRAMES}
