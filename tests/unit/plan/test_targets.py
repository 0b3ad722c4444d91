"""Targets that no rule makes: each kind of mistake, and what is said of it."""

import pytest
import yaml
from repository import REPOSITORY

from unseen.plan.plan import Plan, read_plan
from unseen.plan.targets import explain, is_known

SAID = {
    "results/predictions/demo-e2ee/demo-ucf.csv": "no run demo-e2ee; did you mean demo-e2e?",
    "results/predictions/demo-e2e/demo-ufc.csv": "no data set demo-ufc; did you mean demo-ucf?",
    "results/predictions/demo-e2e/zzz.csv": "no data set zzz; there are demo-kinetics, ",
    "results/predictions/demo-e2e/demo-ucf": "did you mean results/predictions/demo-e2e/demo-",
    "results/metrics/demo-e2e/demo-kinetics.csv": "is not tested on demo-kinetics; add it to",
    "results/table9.csv": "no table 9; there are 1, 2, 3",
    "results/figure9.svg": "no figure 9; there are 1, ",
    "results/tabel2.csv": "did you mean results/table2.csv?",
    "results/table2": "did you mean results/table2.csv?",
    "results/reprot.html": "did you mean results/report.html?",
    "results/modles/demo-e2e/model.safetensors": "no folder results/modles (did you mean models?)",
    "results/models/demo-e2e": "results/models/{run}/model.safetensors",
    "results/clips/demo-ucf/0099.h5": "no shard 0099; there are 000, 001",
    "results/probabilities/efficientnet_lite/demo-ucf.h5": "did you mean efficientnet_lite2?",
    "results/class_embeddings/wrd2vec/demo-ucf.h5": "no embedding wrd2vec; did you mean word2vec?",
    "tabel2": "no target tabel2 (did you mean results/table2.csv?)",
    "al": "no target al (did you mean all?)",
}


@pytest.fixture(scope="module")
def plan() -> Plan:
    values = yaml.safe_load((REPOSITORY / "tests/config/tiny.yaml").read_text())
    values["runs"]["objects"] = {"method": "convex", "weights": "efficientnet_lite2"}
    return read_plan(values, "my.yaml", REPOSITORY)


@pytest.mark.parametrize("target", SAID)
def test_a_misspelt_target(plan: Plan, target: str) -> None:
    said = explain(plan, target, ["all", "settle"])
    assert SAID[target] in said and target in said
    assert "\n" not in said


@pytest.mark.parametrize(
    "target",
    [
        "results/table2.csv",
        "results/table2.tex",
        "results/metrics/demo-e2e-permuted/demo-ucf.csv",
        "results/metrics/demo-e2e/demo-ucf_per_class.csv",
        "results/classes/kinetics400.tsv",
        "results/clips/demo-ucf/001.h5.sha256",
        "elsewhere/mine.txt",
    ],
)
def test_known_names(plan: Plan, target: str) -> None:
    assert is_known(plan, target)
