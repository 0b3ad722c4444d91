"""What a change of each key of the configuration reruns.

Every key of the schema has a case: a changed value and the rules that then have a reason of their
own. Snakemake gives one where nothing before a job reruns; the rest follows (test_invalidation.py).
They are tried on the wide configuration, which has every kind of run, row and figure.
"""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from dual_models import save_dual
from released import authors_checkpoint
from tiny_workflow import REPOSITORY, TINY, Job, Workspace, copy_of, once, own, put

from unseen.network.model_file import load_model
from unseen.plan import reference

WIDE = TINY.with_name("wide.yaml")
TARGETS = (
    *(f"results/table{number}.csv" for number in (1, 2, 3)),
    "results/comparisons.csv",
    "results/report.html",
    "results/predictions/demo-e2e/mine.csv",
)


@pytest.fixture(scope="session")
def wide(finished: Workspace, session_folder: Path) -> Workspace:
    """The wide configuration, run to its tables, figures, report and predictions, once.

    What the tiny configuration has done already is not done again.
    """

    def make(base: Workspace) -> None:
        copy_of(finished, base.folder)
        add_sources(base.folder)
        base.run(*TARGETS)
        assert base.would_rerun(*TARGETS) == []

    base = replace(
        finished,
        folder=session_folder / "wide",
        config=yaml.safe_load(WIDE.read_text()),
        environment={"PYTHONPATH": "tests/config/stubs"},
    )
    return once(base, make)


def add_sources(folder: Path) -> None:
    """What the wide configuration names, and in `elsewhere` what its keys are changed to."""
    rendered, videos, weights = (
        folder / name for name in ("resources/demo/tiny", "videos", "weights")
    )
    shutil.copytree(rendered / "demo-kinetics", videos / "demo-kinetics")
    for name in ("bouncing_star", "spinning_ring"):
        (videos / "mine" / name).mkdir(parents=True)
        video = min((rendered / "demo-hmdb").rglob(f"{name}/*.avi"))
        shutil.copy2(video, videos / "mine" / name)
    weights.mkdir()
    network = load_model(folder / "results/models/demo-e2e/model.safetensors")[0]
    torch.save(authors_checkpoint(network), weights / "released.pt")
    save_dual("xclip", weights / "xclip")

    elsewhere, encoder = folder / "elsewhere", folder / "tests/config/encoder"
    shutil.copytree(videos / "mine", elsewhere / "mine")
    shutil.copy(folder / "tests/config/words.txt", elsewhere)
    shutil.copytree(encoder, elsewhere / "copy")
    shutil.copytree(encoder, elsewhere / "encoder")
    (elsewhere / "encoder/weights").write_text("other")
    shutil.copy(weights / "released.pt", elsewhere / "copy.pt")
    torch.save(network.state_dict(), elsewhere / "released.pt")
    rows = (videos / "demo-kinetics/train.csv").read_text().splitlines(keepends=True)
    (elsewhere / "train.csv").write_text("".join(rows[:-1]))
    words = (REPOSITORY / "config/classes/demo-hmdb.tsv").read_text()
    names = [line.partition("\t")[0] for line in words.splitlines()[1:]]
    tested = "".join(f"0,test,{name}\n" for name in names[::2])
    (elsewhere / "demo-hmdb_even.csv").write_text(f"split,part,class\n{tested}")
    (elsewhere / "lists").mkdir()
    video = min((rendered / "demo-ucf").rglob("*.avi"))
    for number in (1, 2, 3):
        line = f"{video.parent.name}/{video.name}\n"
        (elsewhere / f"lists/testlist0{number}.txt").write_text(line)
    changed = words.replace("\tspinning ring\n", "\tspinning trout\n")
    assert changed != words
    (elsewhere / "classes.tsv").write_text(changed)


# The cases

FEATURES = {"extract_features"}
VIDEOS = {"decode_clips"}
"""Clips of videos, of the short side that most runs read and of a run's own."""
PRUNED = {"prune_classes", "trace_pretraining"}
"""What compares a run's classes with those of its test sets."""
KEPT = {"extract_features", "train", "select_classes"}
"""What reads the lists of kept classes."""
ROWS = {"make_table", "draw_figure"}
"""Figure 1 shows the rows of table 1; both name the word vectors that went into them."""
NAMED = {*ROWS, "compare_runs"}
"""What names the word vectors among its sources."""
SCORES = {"score_videos", "score_permuted"}
SWEEP = {"select_classes", "embed_videos", "score_videos", "draw_figure"}
"""A new point of a sweep, with the training."""
CONVEX = {"make_convex", "decode_clips", "classify_videos"}
"""The model of a published classifier, clips of the side that it takes, their probabilities."""
CLASSIFIED = {"make_convex", "classify_videos"}
"""The same of the side that there is."""
EMBEDDED = {"embed_videos", "embed_other_videos", "classify_videos"}
"""All that runs a network over test videos."""
BEFORE_CUT_OFF = {
    *("render_demo", "list_clips", "name_words"),
    *("select_vectors", "embed_classes", "encode_prompts", "prune_classes", "trace_pretraining"),
}

CASES: dict[str, tuple[Any, set[str]]] = {
    "word_vectors": ("elsewhere/words.txt", {"select_vectors", "select_other_vectors"}),
    "raw_words": (True, {"embed_classes", "select_classes", "train", "score_videos"}),
    "missing_words": ("drop_word", {"embed_classes"}),
    "embeddings.phrases.encoder": ("elsewhere/encoder", {"embed_classes", "train"}),
    "embeddings.phrases.encoder a copy": ("elsewhere/copy", set()),
    "datasets.demo-ucf.layout": ("folders", {"list_clips", "decode_clips"}),
    "datasets.mine.root": ("elsewhere/mine", set()),
    "datasets.demo-kinetics.annotations": ("elsewhere/train.csv", {"list_clips", "decode_clips"}),
    "datasets.demo-kinetics.subsets": (["train"], {"list_clips"}),
    "datasets.demo-kinetics.trimmed": (True, {"list_clips"}),
    "datasets.mine.media": ("videos", {"list_clips"}),
    "datasets.mine.labels": ("layout", {"list_clips", "name_words"}),
    "datasets.demo-hmdb.shards": (2, {"list_clips", *VIDEOS}),
    "datasets.demo-hmdb.classes": (
        "elsewhere/classes.tsv",
        {"name_words", "score_videos", "score_permuted", "draw_figure"},
    ),
    "datasets.demo-hmdb.splits": (["elsewhere/demo-hmdb_even.csv"], SCORES),
    "datasets.demo-hmdb.splits unseen": (["unseen"], SCORES),
    "datasets.demo-ucf.annotations test lists": ("elsewhere/lists", {"score_videos"}),
    "datasets.demo-hmdb.exclude": (["spinning_ring"], {"list_clips", *VIDEOS}),
    "clips.short_side": (44, {"decode_clips"}),
    "clips.resampling": ("bilinear", {"decode_clips"}),  # a published classifier says its own
    "clips.pixel_aspect": ("ignore", VIDEOS),
    "clips.codec": ("h264", {*VIDEOS, "synthesize_clips"}),
    "clips.gop": (4, {*VIDEOS, "synthesize_clips"}),
    "clips.quality": (5, {*VIDEOS, "synthesize_clips"}),
    "clips.timeout_s": (60, set()),
    "clips.min_frames": (4, VIDEOS),
    "clips.max_pixels": (2048, VIDEOS),
    "clips.damaged": (0.2, VIDEOS),
    "clips.max_rejected_percent": (50, set()),
    "clips.threads": (2, set()),
    "photographs.clips_per_photo": (2, {"synthesize_clips"}),
    "photographs.seed": (1, {"synthesize_clips"}),
    "photographs.crops": ("side_first", {"synthesize_clips"}),
    "overlap.threshold": (0.4, {*PRUNED, *KEPT}),
    "overlap.prune_pretraining": (True, {"prune_classes", "make_table", "draw_figure"}),
    "overlap.prune_videos": (True, {"compare_videos", "train"}),
    "overlap.exclude_classes": (["bouncing ring"], {"prune_classes", *KEPT}),
    "seeds": ([1], {"train", "select_classes"}),
    "runs.classifier.train_on": ("demo-kinetics", {"prune_classes", "compare_videos", "train"}),
    "runs.fixed.unseen": (
        ["demo-hmdb", "demo-ucf"],
        {*PRUNED, "compare_videos", "extract_features", "embed_videos", "score_videos"},
    ),
    "runs.demo-e2e.allow_seen": (True, set()),
    "runs.released.trained_on": ("demo-sun", {"select_vectors", "train", *NAMED}),
    "runs.released.weights": ("elsewhere/released.pt", {"train"}),
    "runs.released.weights a copy": ("elsewhere/copy.pt", set()),
    "runs.released.weights a run": (
        "demo-sun",
        {"trace_pretraining", "compare_videos", "train"},
    ),
    "runs.demo-e2e.freeze": (True, {*FEATURES, "train_frozen"}),
    "runs.classifier.embedding": ("phrases", {"prune_classes", "train"}),
    "runs.classifier.embedding random": ("random_words", {"embed_classes", "train"}),
    "runs.phrases.replace_head": (True, {"train"}),
    "runs.released.method": (
        "convex",
        {"select_vectors", "merge_rejected", *CONVEX, *NAMED},
    ),
    "runs.texts.prompts": (
        ["a {}", "{}"],
        {"encode_prompts", "embed_videos"},
    ),
    "runs.objects.likeliest": (3, {"make_convex"}),
    "runs.objects.centre": (True, {"make_convex"}),
    "runs.objects.input.short_side": (52, {"merge_rejected", *CONVEX}),
    "runs.objects.input.resampling": ("bilinear", {"merge_rejected", *CONVEX}),
    "runs.objects.input.crop": (32, CLASSIFIED),
    "runs.objects.input.frames": (2, CLASSIFIED),
    "runs.objects.input.frame_rate": (5, CLASSIFIED),
    "runs.objects.input.mean": ([0.5, 0.5, 0.4], CLASSIFIED),
    "runs.objects.input.std": ([0.5, 0.5, 0.4], CLASSIFIED),
    "testing.snippets": (3, EMBEDDED),
    "testing.scheme": ("legacy", EMBEDDED),
    "testing.frame_rate": (10, EMBEDDED),
    "testing.batch_size": (16, EMBEDDED),
    "table1.0.method": ("another", ROWS),
    "table1.0.run": ("phrases", ROWS),
    "table1.1.datasets": (["demo-hmdb", "demo-ucf"], {"make_table"}),
    "table1.0.snippets": ("one", ROWS),
    "table1.0.protocols": (["full"], ROWS),
    "table1.0.permuted": (True, {*ROWS, "score_permuted"}),
    "table1.0.visual_features": ("others", ROWS),
    "table2.0.method": ("another", {"make_table"}),
    "table2.3.run": ("phrases", {"make_table"}),
    "table2.0.datasets": (["demo-ucf"], {"make_table"}),
    "table2.0.snippets": ("one", {"make_table"}),
    "table2.0.protocols": (["half", "full"], {"make_table"}),
    "table2.2.permuted": (True, {"make_table", "score_permuted"}),
    "table2.0.visual_features": ("others", {"make_table"}),
    "table3.0.method": ("another", {"make_table"}),
    "table3.0.run": ("phrases", {"make_table"}),
    "table3.0.datasets": (["demo-ucf"], {"make_table"}),
    "table3.0.snippets": ("multi", {"make_table"}),
    "table3.0.protocols": (["half", "full"], set()),
    "table3.0.permuted": (True, {"make_table"}),
    "table3.0.visual_features": ("others", {"make_table"}),
    "comparisons.0.name": ("another", {"compare_runs"}),
    "comparisons.0.run": ("phrases", {"compare_runs"}),
    "comparisons.0.against": ("phrases", {"compare_runs"}),
    "comparisons.0.datasets": (["demo-ucf"], {"compare_runs"}),
    "comparisons.0.snippets": ("one", {"compare_runs"}),
    "comparisons.0.against_snippets": ("multi", {"compare_runs"}),
    "figures.end_to_end": ("fixed", {*FEATURES, "train_frozen", *SWEEP}),
    "figures.baseline": ("fixed", {*FEATURES, "train_frozen", *SWEEP}),
    "figures.pretrained": ("phrases", {"train", *SWEEP}),
    "figures.datasets": (["demo-ucf"], SWEEP - {"select_classes"}),
    "figures.class_counts": ([50], {"train", *SWEEP}),
    "figures.fractions": ([0.25], {"train", *SWEEP} - {"select_classes"}),
    "figures.clusters": ([1], {"train", *SWEEP}),
    "figures.cluster_classes": (10, {"train", *SWEEP}),
    "figures.every_cluster": (True, {"train", *SWEEP}),
    "figures.repeats": (2, {"train", *SWEEP}),
    "demo.seed": (1, {"render_demo", *VIDEOS, "synthesize_clips"}),
}

TRAINING = {
    "network": "r2plus1d_18",
    "frames": 5,
    "frame_rate": 10,
    "crop": 36,
    "dtype": "bfloat16",
    "batch_size": 4,
    "learning_rate": 0.002,
    "epochs": 3,
    "milestones": [2],
    "gamma": 0.2,
    "clips_per_epoch": 8,
    "schedule": "cosine",
    "optimiser": "sgd",
    "warmup_epochs": 1,
    "weight_decay": 0.1,
    "loss": "mse_sum",
    "temperature": 0.2,
    "uniformity": 0.5,
    "mixing": 0.5,
    "projection": 4,
    "feature_epochs": 2,
    "dropout": 0.2,
    "flip": False,
    "normalise": False,
    "width": 4,
    "compile": True,
    "sync_batch_norm": True,
    "scale_learning_rate": True,
}
"""Keys of a run's training with another value, which trains it anew."""
FEATURE_KEYS = {
    *("network", "width", "frames", "frame_rate", "crop", "dtype", "flip"),
    *("batch_size", "clips_per_epoch", "feature_epochs"),
}
"""Those that the features of a frozen network depend on."""
PLACES = {
    **{"device": "auto", "gpus": 2, "nodes": 2, "threads": 2, "workers": 1},
    **{"checkpoint_minutes": 1, "checkpoint_folder": "checkpoints"},
}
"""Those that leave a model as it is."""
CONTRASTIVE = ("temperature", "uniformity", "projection")
UNREAD = {"feature_epochs", "temperature", "uniformity"}
"""Those that a run with Eq. 2 and a visual encoder of its own never reads."""

for key, value in TRAINING.items():
    run = "phrases" if key in CONTRASTIVE else "demo-e2e"
    photographs = {"synthesize_clips"} if key in ("frames", "crop") else set()
    CASES[f"training.{key}"] = value, {"train", *photographs}
    CASES[f"runs.{run}.{key}"] = value, {"train"}
    CASES[f"figures.training.{key}"] = value, set() if key in UNREAD else {"train"}
    if key not in CONTRASTIVE:
        CASES[f"runs.fixed.{key}"] = value, FEATURES if key in FEATURE_KEYS else {"train_frozen"}
# The run that the frozen one starts from has its own epochs and loss, which reads no mixing.
for key in ("epochs", "loss", "mixing", "projection"):
    CASES[f"training.{key}"] = TRAINING[key], {"train", "train_frozen"}
CASES["training.dtype"] = TRAINING["dtype"], {"train", "classify_videos", "embed_videos"}
CASES["training.feature_epochs"] = TRAINING["feature_epochs"], set()  # `fixed` has its own
CASES["training.c3d_start"] = "he", set()  # no run is a c3d
CASES["figures.training.c3d_start"] = "he", set()
CASES["runs.demo-e2e.c3d_start"] = "he", set()
CASES["runs.demo-e2e.feature_epochs"] = TRAINING["feature_epochs"], set()
CASES["runs.released.learning_rate"] = TRAINING["learning_rate"], set()  # it trains nothing
CASES["runs.released.width"] = 4, {"train"}
for key, value in PLACES.items():
    for section in ("training", "runs.demo-e2e", "runs.fixed", "figures.training"):
        CASES[f"{section}.{key}"] = value, set()

ALSO = {
    **{f"{where}.nodes": {f"{where}.gpus": 2} for where in ("training", "figures.training")},
    **{f"runs.{run}.nodes": {f"runs.{run}.gpus": 2} for run in ("demo-e2e", "fixed")},
    "runs.released.method": {
        "runs.released.weights": "efficientnet_lite2",
        "runs.released.trained_on": None,
    },
    "figures.training.projection": {"figures.training.loss": "contrastive"},
    "training.uniformity": {"runs.phrases.projection": 4},
    "training.projection": {"training.loss": "contrastive"},
    "runs.phrases.uniformity": {"runs.phrases.projection": 4},
}
"""What a change is not possible without."""

ORDINARY = {
    *("training.learning_rate", "testing.snippets", "table1.0.permuted"),
    *("runs.fixed.epochs", "runs.objects.centre"),
}
"""Of most kinds of run, row and stage one; the other cases are long."""

NOTHING = [case for case, (_, expected) in CASES.items() if not expected]


def general(key: str) -> str:
    """A case's key as the schema has it: names and row numbers as stars."""
    parts = key.partition(" ")[0].split(".")
    if parts[0] in ("embeddings", "datasets", "runs", "table1", "table2", "table3", "comparisons"):
        parts[1] = "*"
    return ".".join(parts)


def keys_of(schema: dict[str, Any], root: dict[str, Any], *path: str) -> Iterator[str]:
    """The keys of a schema, those of named sections and of rows behind a star."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    children = dict(schema.get("properties", {}))
    for further in ("additionalProperties", "items"):
        if isinstance(schema.get(further), dict):
            children["*"] = schema[further]
    for named in schema.get("patternProperties", {}).values():
        children["*"] = named
    if not children or children.get("*", {}).get("type") in ("string", "integer", "number"):
        yield ".".join(path)
        return
    for key, child in children.items():
        yield from keys_of(child, root, *path, key)


def test_every_key_has_a_case() -> None:
    """Whoever adds a key says here what it reruns."""
    schema = reference.schema()
    assert {general(key) for key in CASES} == set(keys_of(schema, schema))


def test_keys_without_effect(wide: Workspace, tmp_path: Path) -> None:
    """Changed all at once, they rerun nothing."""
    workspace = copy_of(wide, tmp_path / "work")
    for case in NOTHING:
        change(workspace, case)
    assert jobs_after(workspace, set()) == []
    shutil.rmtree(workspace.folder)


@pytest.mark.parametrize(
    "case",
    [
        case if case in ORDINARY else pytest.param(case, marks=pytest.mark.long)
        for case in CASES
        if case not in NOTHING
    ],
)
def test_key(wide: Workspace, tmp_path: Path, case: str) -> None:
    """Exactly these rules have a reason of their own; of runs, those whose settings changed."""
    workspace = copy_of(wide, tmp_path / "work")
    expected, key = CASES[case][1], change(workspace, case)
    jobs = jobs_after(workspace, expected)
    assert own(jobs) - {"settle"} == expected
    if key.startswith("runs.") and expected <= {"train", "train_frozen", "extract_features"}:
        assert all(f"/{key.split('.')[1]}" in job.output for job in jobs if job.is_own)
    shutil.rmtree(workspace.folder)


def change(workspace: Workspace, case: str) -> str:
    """Set a case's key, which is returned, and what it is not possible without."""
    key = case.partition(" ")[0]
    for name, setting in {key: CASES[case][0], **ALSO.get(key, {})}.items():
        put(workspace.config, name, setting)
    return key


def jobs_after(workspace: Workspace, expected: set[str]) -> list[Job]:
    """What is run up to the cut-off, if anything is expected there, and what would run after it."""
    before = workspace.run("results/settled") if expected & BEFORE_CUT_OFF else []
    return before + workspace.run("--dry-run", *TARGETS)
