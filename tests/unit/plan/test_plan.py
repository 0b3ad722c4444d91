"""The plan of the tests' configuration, the demo and the paper, without Snakemake or any file."""

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from repository import REPOSITORY, SOURCE

from unseen.base.errors import UserError
from unseen.plan import (
    classes,
    clips,
    embedding,
    figures,
    listing,
    paths,
    predicting,
    report_page,
    scoring,
    sources,
    tables,
    training,
    versions,
)
from unseen.plan.plan import Inputs, Plan, read_plan

CONFIGURATIONS = ("tests/config/tiny.yaml", "config/config.yaml", "config/paper.yaml")


def plan_of(name: str, **keys: object) -> Plan:
    values = yaml.safe_load((REPOSITORY / name).read_text())
    return read_plan(values | keys, name, REPOSITORY)


@pytest.fixture(scope="module")
def tiny() -> Plan:
    return plan_of("tests/config/tiny.yaml")


@pytest.fixture(scope="module")
def demo() -> Plan:
    return plan_of("config/config.yaml")


@pytest.fixture(scope="module")
def paper() -> Plan:
    return plan_of("config/paper.yaml")


def test_only_the_paths_module_spells_results() -> None:
    """A path below results/ stands in one place: in the plan and in the rules no other has it."""
    files = [*(SOURCE / "unseen/plan").glob("*.py"), *(REPOSITORY / "workflow").rglob("*.smk")]
    files += [REPOSITORY / "workflow/Snakefile"]
    spelling = re.compile(r"""["']f?results/""")
    assert [path.name for path in files if spelling.search(path.read_text())] == ["paths.py"]


def test_shards_and_their_manifests(tiny: Plan) -> None:
    assert tiny.clip_stores(["demo-ucf"]) == [
        "results/clips/demo-ucf/000.h5",
        "results/clips/demo-ucf/001.h5",
    ]
    assert len(listing.manifests(tiny)) == 2 + 1 + 2 + 1
    assert listing.sets_by_shards(tiny) == {
        1: ["demo-sun", "demo-hmdb"],
        2: ["demo-kinetics", "demo-ucf"],
    }


def test_what_training_reads(tiny: Plan) -> None:
    inputs = training.inputs(tiny, tiny.runs["demo-e2e"])
    assert inputs.large == (
        "results/clips/demo-kinetics/000.h5",
        "results/clips/demo-kinetics/001.h5",
        "results/labels/demo-kinetics.csv",
        "results/class_embeddings/word2vec/demo-kinetics.h5",
        "results/models/demo-sun/model.safetensors",
    )
    assert inputs.small == ("results/kept/demo-e2e.txt",)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_test_labels_are_read_by_scoring_alone(name: str) -> None:
    plan = plan_of(name)
    for run in plan.runs.values():
        before = [training.inputs(plan, run), classes.overlap_inputs(plan, run)]
        before += [embedding.inputs(plan, run)] if run.tests else []
        read = [path for inputs in before for path in (*inputs.large, *inputs.small)]
        trained = {paths.LABELS.format(dataset=name) for name in run.train_on}
        assert {path for path in read if "/labels/" in path} <= trained
        for dataset in run.tests:
            label = paths.LABELS.format(dataset=dataset)
            assert label in scoring.inputs(plan, run, dataset).large


@pytest.mark.parametrize(
    ("settings", "read", "unread"),
    [
        ({}, {"mixing", "learning_rate"}, {"temperature", "feature_epochs", "threads", "gpus"}),
        ({"loss": "contrastive"}, {"temperature", "uniformity", "projection"}, {"device"}),
        ({"freeze": True}, {"feature_epochs"}, {"temperature", "checkpoint_minutes"}),
    ],
)
def test_the_settings_that_a_model_depends_on(
    tiny: Plan, settings: dict[str, object], read: set[str], unread: set[str]
) -> None:
    run = tiny.runs["demo-e2e"]
    run = replace(run, settings=replace(run.settings, **settings))
    keys = training.settings_read(tiny, run).keys()
    assert read <= keys and not unread & keys


def test_a_run_that_trains_nothing_depends_on_its_network_alone(tiny: Plan) -> None:
    run = replace(tiny.runs["demo-e2e"], train_on=())
    assert training.settings_read(tiny, run).keys() == {
        *("network", "frames", "frame_rate", "crop", "width", "dropout", "normalise"),
        *("replace_head", "loss", "seed"),
    }


def test_features_depend_on_the_snippets_and_the_frozen_network(demo: Plan) -> None:
    settings = training.feature_settings(demo, demo.runs["demo-fixed"])
    assert settings.keys() == {
        *("network", "width", "frames", "frame_rate", "crop", "dtype", "flip", "seed", "subset"),
        *("batch_size", "clips_per_epoch", "epochs"),
    }
    assert training.frozen_inputs(demo, demo.runs["demo-fixed"]).large[-1] == (
        "results/features/demo-fixed.h5"
    )


def test_what_clips_depend_on(paper: Plan) -> None:
    assert {"short_side", "damaged", "codec"} <= clips.decisive(paper).keys()
    assert {"timeout_s", "threads", "max_rejected_percent"}.isdisjoint(clips.decisive(paper))
    assert clips.settings(paper) == clips.decisive(paper) | {"timeout_s": 600.0}
    assert clips.encoding(paper).keys() == {"codec", "gop", "quality"}


def test_random_words_are_kept_by_what_they_mean_and_drawn_once_a_seed() -> None:
    plan = plan_of("config/config.yaml", seeds=[3, 5])
    first, second = plan.runs["demo-random-words"], plan.runs["demo-random-words-seed5"]
    assert classes.random_embeddings(plan) == {"random_words": 3, "random_words-seed5": 5}
    assert classes.random_seed(plan, second.embedding) == ["--random", "5"]
    assert classes.random_seed(plan, "word2vec") == []
    word2vec = plan.runs["demo-e2e"]
    assert classes.overlap_arguments(plan, first) == classes.overlap_arguments(plan, word2vec)
    scored = scoring.inputs(plan, second, "demo-ucf").small
    assert "results/class_embeddings/random_words-seed5/demo-ucf.h5" in scored


def test_the_papers_runs(paper: Plan) -> None:
    assert paper.photographs == ["sun397"]
    assert paper.pruned == [name for name, run in paper.runs.items() if run.name == run.base]
    assert paper.frozen[0] == "fixed-664" and paper.frozen[1:] == sorted(
        (name for name in paper.runs if name.startswith("fixed-664-")), key=list(paper.runs).index
    )
    assert [row.augment for row in tables.rows(paper, 3)] == [False, False, True, False, True]
    assert [row.e2e for row in tables.rows(paper, 3)] == [False, True, True, True, True]


def test_a_table_is_made_of_its_rows_and_the_sources_behind_them(paper: Plan) -> None:
    files = tables.inputs(paper, "2").small
    assert "results/metrics/e2e-605/activitynet.csv" in files
    assert "results/sources/kinetics700.txt" in files
    assert "results/kept/e2e-664.txt" in files
    assert "results/video_embeddings/e2e-605/activitynet.txt" in files
    assert not any("sun397" in path or "hmdb51_per_class" in path for path in files)


def test_each_figure_names_its_files(paper: Plan) -> None:
    for number in "1234567":
        plan = figures.figure_plan(paper, number)
        told = json.dumps(plan.shown)
        assert all(path in told for path in plan.files if "/kept/" not in path)
        assert plan.pairs
    points = figures.figure_plan(paper, "4").shown["points"]
    assert len(points) == 2 * (6 + 8 * 10) + 2 * 2  # fractions, counts, whole runs
    assert {point["sweep"] for point in points} == {"clips", "classes"}


def test_figures_say_what_they_lack(tiny: Plan) -> None:
    with pytest.raises(UserError, match=r"figures\.end_to_end is not set; figure 4 needs it"):
        figures.figure_plan(tiny, "4")
    with pytest.raises(UserError, match="table1 has no rows; list its runs"):
        tables.inputs(tiny, "1")


def test_the_report_shows_what_the_tables_show(demo: Plan, tiny: Plan) -> None:
    report = report_page.report_plan(demo)
    tables = [f"results/table{number}.csv" for number in (1, 2, 3)]
    assert report.tables == (*tables, "results/comparisons.csv")
    assert len(report.figures) == 7 and report.figures[0].path == "results/figure1.svg"
    assert report.figures[3].pretraining == {
        "e2e": "results/overlap/demo-e2e_pretraining.txt",
        "baseline": "results/overlap/demo-fixed_pretraining.txt",
    }
    assert report_page.report_plan(tiny).figures == ()
    shown = report_page.report_plan(tiny)
    assert {score.dataset for score in shown.scores} == {"demo-ucf", "demo-hmdb"}
    assert shown.datasets["demo-kinetics"].shards == ()


def test_a_version_has_the_runs_that_weights_come_from(demo: Plan) -> None:
    found = versions.behind(demo, ["demo-e2e-sun/demo-ucf", "demo-e2e-permuted/demo-hmdb"])
    assert [run.name for run in found.runs] == ["demo-e2e-sun", "demo-sun", "demo-e2e"]
    assert set(found.sets) == {"demo-ucf", "demo-hmdb", "demo-kinetics", "demo-sun"}


def test_everything_that_is_not_there_is_named_at_once(paper: Plan) -> None:
    with pytest.raises(UserError) as error:
        sources.check_sources(paper)
    for name in ("kinetics700.root: /data", "kinetics700.annotations", "hmdb51", "word_vectors: "):
        assert name in str(error.value)
    demo = plan_of("config/config.yaml")
    sources.check_sources(demo)


def test_where_things_lie_is_no_part_of_what_decides(tmp_path: Path) -> None:
    """The same files in another folder are listed alike."""
    digests = []
    for folder in ("a", "b"):
        root = tmp_path / folder
        (root / "walk").mkdir(parents=True)
        (root / "walk/one.mp4").write_bytes(b"video")
        os.utime(root / "walk/one.mp4", (1, 1))
        sets = {"mine": {"layout": "folders", "root": str(root)}}
        plan = plan_of("tests/config/tiny.yaml", datasets=sets, runs={}, table2=[])
        digests.append(listing.digest(plan, "mine"))
        assert listing.places(plan, "mine") == ["--root", str(root)]
    assert digests[0] == digests[1] != ""


def test_rendered_videos_are_inputs_of_all_that_reads_them(tiny):
    for dataset in tiny.listed:
        root = str(tiny.config.datasets[dataset].root)
        assert listing.inputs(tiny, dataset).stored == (root,)
        assert clips.manifest(tiny, dataset, "000").stored == (root,)


def test_a_users_videos_are_no_files_of_the_workflow():
    values = yaml.safe_load((REPOSITORY / "tests/config/tiny.yaml").read_text())
    values["datasets"]["demo-hmdb"]["root"] = "/data/hmdb51"
    plan = read_plan(values, "tiny", REPOSITORY)
    assert listing.inputs(plan, "demo-hmdb") == Inputs()
    assert clips.manifest(plan, "demo-hmdb", "000").stored == ()


@pytest.fixture
def mine(tmp_path: Path) -> dict[str, object]:
    """A data set of two videos in folders, one within the other, and a list of other classes."""
    (tmp_path / "videos/2024/may").mkdir(parents=True)
    for name in ("2024/one.mp4", "2024/may/two.mp4"):
        (tmp_path / "videos" / name).touch()
    (tmp_path / "mine.txt").write_text("surfing\njuggling\n")
    root, list_of_them = str(tmp_path / "videos"), str(tmp_path / "mine.txt")
    return {"layout": "folders", "root": root, "classes": list_of_them}


def with_mine(mine: dict[str, object], **keys: object) -> Plan:
    values = yaml.safe_load((REPOSITORY / "tests/config/tiny.yaml").read_text())
    return plan_of("tests/config/tiny.yaml", datasets={**values["datasets"], "mine": mine | keys})


def test_folders_that_are_no_classes_are_found_before_any_job(mine: dict[str, object]) -> None:
    with pytest.raises(UserError, match="list: '2024', '2024/may'") as error:
        listing.digest(with_mine(mine), "mine")
    assert "`labels: none` under datasets.mine" in str(error.value)
    labelled = with_mine(mine, labels="none")
    assert listing.digest(labelled, "mine")
    assert listing.arguments(labelled, "mine")[-1] == "--unlabelled"


def test_videos_without_labels_need_a_list_of_classes(mine: dict[str, object]) -> None:
    with pytest.raises(UserError, match=r"datasets.mine.classes: nothing says which classes"):
        sources.check_sources(with_mine(mine, labels="none", classes=None))


def test_what_a_run_knows_beside_videos_without_labels(mine: dict[str, object]) -> None:
    plan = with_mine(mine, labels="none")
    run = plan.runs["demo-e2e"]
    assert "demo-e2e/mine" in embedding.other_pairs(plan)
    arguments = predicting.arguments(plan, run, "mine")
    told = dict(zip(arguments[::2], arguments[1::2], strict=True))
    embeddings = "results/class_embeddings/word2vec"
    own = {"demo-kinetics": f"{embeddings}/demo-kinetics.h5"}
    kept = "results/kept/demo-e2e.txt"
    trained = json.loads(told["--trained"])
    assert (trained["embeddings"], trained["kept"]) == (own, kept)
    assert [(one["weights"], one["kept"]) for one in json.loads(told["--trainings"])] == [
        ("training", kept),
        ("demo-sun", "results/kept/demo-sun.txt"),
    ]
    inputs = predicting.inputs(plan, run, "mine")
    assert {*own.values(), kept, "results/kept/demo-sun.txt"} <= {*inputs.small}
    assert f"{embeddings}/mine.h5" in inputs.small
    assert inputs.large == (
        "results/video_embeddings/demo-e2e/mine.h5",
        "results/labels/mine.csv",
    )
