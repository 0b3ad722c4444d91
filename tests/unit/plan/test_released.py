"""config/released.yaml over stub data sets and models of random weights: the plan, a dry-run."""

import copy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from dual_models import SIZE, save_dual
from repository import REPOSITORY

from unseen.plan import embedding, scoring, sources, tables
from unseen.plan.plan import Plan, read_plan
from unseen.prediction.fetch import ITEMS

CONFIG = REPOSITORY / "config/released.yaml"
LISTS = {"ucf101": "testlist0{}.txt", "hmdb51": "wave_test_split{}.txt"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("transformers")
    return tmp_path_factory.mktemp("released")


@pytest.fixture(scope="module")
def config(place: Path) -> dict[str, Any]:
    """The configuration with all that it names made up below a folder."""
    config = copy.deepcopy(yaml.safe_load(CONFIG.read_text()))
    for name, dataset in config["datasets"].items():
        for key in {"root", "annotations"} & {*dataset}:
            dataset[key] = str(place / dataset[key].lstrip("/"))
        if "root" in dataset:
            (Path(dataset["root"]) / name).mkdir(parents=True)
        if dataset.get("layout") == "activitynet":
            Path(dataset["annotations"]).write_text("{}")
        if name in LISTS:
            Path(dataset["annotations"]).mkdir(parents=True)
            for number in (1, 2, 3):
                (Path(dataset["annotations"]) / LISTS[name].format(number)).touch()
    words = place / config["word_vectors"]
    words.parent.mkdir(parents=True)
    words.write_bytes(b"")
    config["word_vectors"] = str(words)
    for run in config["runs"].values():
        if "/" not in run["weights"]:
            continue
        own = place / run["weights"].lstrip("/")
        own.parent.mkdir(parents=True, exist_ok=True)
        if run.get("method") == "dual":
            family = next(kind for kind in ("xclip", "siglip2", "clip") if kind in run["weights"])
            save_dual(family, own)
        else:
            own.write_bytes(b"")
        run["weights"] = str(own)
    return config


@pytest.fixture(scope="module")
def plan(config: dict[str, Any]) -> Plan:
    return read_plan(config, "config/released.yaml", REPOSITORY)


def test_nothing_is_trained_and_all_that_is_named_is_enough(plan: Plan) -> None:
    sources.check_sources(plan)
    assert all(not run.train_on for run in plan.runs.values())
    assert {*plan.convex, *plan.dual} == {*plan.runs} - {"e2e-664"}


def test_every_row_has_its_scores_and_every_run_its_input(plan: Plan) -> None:
    rows = tables.rows(plan, 2)
    assert len(rows) == 4 * len(plan.runs)
    by_protocol = {row.protocol: row.datasets for row in rows}
    both = ("ucf101", "hmdb51")
    assert by_protocol == {
        "full": (*both, "activitynet"),
        **dict.fromkeys(("lists", "truze", "unseen"), both),
    }
    assert {row.runs[0]: row.trained_on for row in rows} == {
        **dict.fromkeys(("r2plus1d", "mvit", "swin3d"), "kinetics400"),
        **dict.fromkeys(("clip-b32", "clip-l14", "siglip2"), "not known"),
        "efficientnet": "imagenet1k",
        "xclip-b16": "kinetics400, not known",
        "e2e-664": "kinetics700",
    }
    for run in plan.runs.values():
        assert run.tests == ("ucf101", "hmdb51", "activitynet")
        for dataset in run.tests:
            assert scoring.arguments(plan, run, dataset)
            assert embedding.inputs(plan, run, dataset).large
    assert plan.side(plan.runs["swin3d"]) == "256-bilinear"
    assert plan.side(plan.runs["clip-b32"]) == f"{SIZE}-bicubic"
    assert plan.side(plan.runs["e2e-664"]) is None


def test_a_dry_run_has_a_job_for_every_row(config: dict[str, Any], place: Path) -> None:
    (place / "config.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile")]
    options = ["--configfile", "config.yaml", "--cores", "2", "--dry-run", "results/table2.csv"]
    done = subprocess.run([*command, *options], cwd=place, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = {line.split()[0]: line.split()[-1] for line in done.stdout.splitlines() if line}
    assert int(jobs["make_table"]) == 1
    assert int(jobs["trace_pretraining"]) == len(config["runs"])
    assert int(jobs["encode_prompts"]) == 3 * 3  # of X-CLIP only behind the cut-off


def test_what_it_names_is_where_fetch_puts_it() -> None:
    told = yaml.safe_load(CONFIG.read_text())
    words = ITEMS["googlenews"]
    assert told["word_vectors"] == f"resources/{words.folder}/{words.file_name}"
    for name in ("ucf101", "hmdb51"):
        assert told["datasets"][name]["root"].startswith(f"resources/{ITEMS[name].folder}/{name}")
        lists = f"resources/{ITEMS[f'{name}-splits'].folder}/{name}-splits/"
        assert told["datasets"][name]["annotations"].startswith(lists)
    for run in told["runs"].values():
        if run.get("method") == "dual":
            assert run["weights"].startswith("resources/models/")
            assert Path(run["weights"]).name.count("--") == 1
