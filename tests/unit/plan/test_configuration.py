"""The configuration: mistakes are named, defaults filled in, runs expanded."""

import pytest
import yaml
from repository import REPOSITORY

from unseen.base.errors import UserError
from unseen.plan.configuration import read_configuration
from unseen.plan.runs import expand_runs, pretraining, pretraining_sets, trained_on

DATASETS = {
    "kinetics": {"layout": "kinetics", "root": "/k", "annotations": "/k.csv"},
    "photos": {"layout": "sun397", "root": "/s"},
    "ucf": {"layout": "ucf101", "root": "/u"},
    "hmdb": {"layout": "hmdb51", "root": "/h"},
}


def complete(**keys):
    config = {
        "datasets": DATASETS,
        "runs": {
            "sun": {"train_on": "photos"},
            "e2e": {"train_on": "kinetics", "unseen": ["ucf"], "weights": "sun", "epochs": 3},
        },
    }
    return read_configuration(config | keys, "my.yaml")


def mistakes(**keys):
    with pytest.raises(UserError) as error:
        complete(**keys)
    return str(error.value)


def one_run(**keys):
    return {"runs": {"a": {"train_on": "kinetics", **keys}}}


def with_mine(runs=None, table2=(), figures=None, **keys):
    """A folder of videos without labels, and what is asked of it."""
    mine = {"layout": "folders", "root": "/m", "labels": "none", **keys}
    others = {"table2": [*table2], "figures": figures or {}} | ({"runs": runs} if runs else {})
    return {"datasets": {**DATASETS, "mine": mine}, **others}


def test_defaults_are_the_papers():
    training = complete().training
    assert (training.batch_size, training.learning_rate, training.epochs) == (22, 1e-3, 150)
    assert (training.frames, training.crop, training.network) == (16, 112, "r2plus1d_18")
    assert complete().testing.snippets == 25
    assert complete().overlap.threshold == 0.05


def test_a_run_overrides_training():
    runs = expand_runs(complete())
    assert runs["e2e"].settings.epochs == 3
    assert runs["sun"].settings.epochs == 150


def test_numbers_that_yaml_takes_for_text():
    assert complete(training={"learning_rate": "1e-3"}).training.learning_rate == 1e-3
    run = {"e2e": {"train_on": "kinetics", "learning_rate": "5e-4"}}
    assert complete(runs=run).runs["e2e"].learning_rate == 5e-4


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"trainin": {}}, ["unknown key trainin", "training"]),
        ({"clips": {"codek": "h264"}}, ["clips.codek", "codec"]),
        ({"clips": {"codec": "vp9"}}, ["clips.codec", "vp9", "mpeg4, h264"]),
        ({"training": {"epochs": "many"}}, ["training.epochs", "integer", "many"]),
        ({"training": {"batch_size": 0}}, ["training.batch_size", "0"]),
        ({"runs": {"a": {"train_on": "kinetix"}}}, ["runs.a.train_on", "kinetix", "kinetics"]),
        ({"runs": {"a": {"train_on": "kinetics", "weights": "e3e"}}}, ["runs.a.weights", "e3e"]),
        ({"runs": {"a": {"weights": "/w.pth"}}}, ["runs.a", "trained_on"]),
        ({"runs": {"a": {}}}, ["runs.a", "nothing to train"]),
        ({"runs": {664: {"train_on": "kinetics"}}}, ["664", "quotes"]),
        ({"runs": {"a-permuted": {"train_on": "kinetics"}}}, ["runs.a-permuted"]),
        (one_run(projection=64), ["runs.a: projection", "set loss: contrastive"]),
        (one_run(loss="contrastive", uniformity=1), ["runs.a: uniformity", "projection"]),
        (one_run(loss="classification", mixing=1), ["runs.a.mixing", "classification"]),
        (one_run(temperature=0.2), ["runs.a.temperature", "mse"]),
        (one_run(loss="classification", freeze=True, weights="/w.pth"), ["runs.a: freeze"]),
        (one_run(schedule="one_cycle", warmup_epochs=2), ["runs.a: warmup_epochs"]),
        (one_run(gpus=4), ["runs.a: batch_size 22", "4 gpus"]),
        (one_run(network="c3d", frames=8), ["runs.a: frames", "c3d", "16"]),
        (one_run(network="s3d", width=32), ["runs.a: width", "s3d", "64"]),
        (one_run(crop=224), ["runs.a: crop 224", "clips.short_side (128)"]),
        (one_run(epochs=0), ["runs.a.epochs", "0"]),
        (
            {"runs": {"a": {"train_on": "ucf", "unseen": ["ucf"]}}},
            ["runs.a", "ucf", "unseen"],
        ),
        ({"datasets": {"a": {"layout": "ucf101"}}, "runs": {}}, ["datasets.a", "root"]),
        ({"datasets": {}}, ["datasets is empty"]),
        ({"datasets": {"ucf": {"layout": "ucf101", "path": "/u"}}}, ["ucf.path", "root, annot"]),
        ({"training": None}, ["training must be of type mapping, not nothing"]),
        ({"runs": {"x" * 300: {"train_on": "kinetics"}}}, ["too long for a name"]),
        ({"seeds": [1, 1]}, ["seeds: 1 is there twice"]),
        (one_run(unseen=["ucf", "ucf"]), ["runs.a.unseen: 'ucf' is there twice"]),
        ({"table2": [{"run": "e2e", "datasets": ["ucf", "ucf"]}]}, ["table2[0]", "twice"]),
        ({"clips": {"damaged": 2}}, ["clips.damaged is 2", "at most 1"]),
        ({"embeddings": {"random_words": {"encoder": "e"}}}, ["embeddings.random_words"]),
        (one_run(weights="KINETICS400_V1", trained_on="photos"), ["runs.a.trained_on", "none"]),
        (
            {"datasets": DATASETS | {"ucf": {**DATASETS["ucf"], "labels": "none"}}},
            ["ucf.labels", "layout: folders"],
        ),
        (with_mine(labels="non"), ["datasets.mine.labels is 'non'; possible: layout, none"]),
        (with_mine(exclude=["a"]), ["datasets.mine.exclude", "labels: none"]),
        (
            with_mine(runs={"a": {"train_on": "mine"}}),
            ["runs.a.train_on: mine has no classes to learn", "labels: none"],
        ),
        (
            with_mine(labels="layout", annotations="l.txt", runs={"a": {"train_on": ["mine"]}}),
            ["runs.a.train_on: mine has no classes to learn", "a list of paths"],
        ),
        (
            with_mine(table2=[{"run": "e2e", "datasets": ["mine"]}]),
            ["table2[0].datasets: mine cannot be scored", "results/predictions/e2e/mine.csv"],
        ),
        (
            with_mine(figures={"end_to_end": "e2e", "datasets": ["mine"]}),
            ["figures.datasets: mine cannot be scored"],
        ),
        (one_run(embedding="word2vex"), ["runs.a.embedding", "did you mean word2vec"]),
    ],
)
def test_mistakes_are_named(keys, words):
    message = mistakes(**keys)
    assert message.startswith("my.yaml: ")
    assert all(word in message for word in words), message
    assert len(message.splitlines()) <= 2


def test_a_circle_of_weights_is_shown():
    runs = {
        "a": {"train_on": "kinetics", "weights": "b"},
        "b": {"train_on": "kinetics", "weights": "c"},
        "c": {"train_on": "kinetics", "weights": "a"},
    }
    assert "a -> b -> c -> a" in mistakes(runs=runs)


def test_scores_on_a_set_that_is_not_unseen_are_refused():
    row = [{"run": "e2e", "datasets": ["hmdb"]}]
    message = mistakes(table2=row)
    assert "hmdb" in message and "allow_seen" in message
    runs = {"e2e": {"train_on": "kinetics", "unseen": ["ucf"], "allow_seen": True}}
    runs = expand_runs(complete(table2=row, runs=runs))
    assert runs["e2e"].tests == ("ucf", "hmdb")


def test_videos_without_labels_are_no_test_set():
    """Their classes can be kept unseen, and nothing of them is scored."""
    runs = {"e2e": {"train_on": "kinetics", "unseen": ["ucf", "mine"]}}
    run = expand_runs(complete(**with_mine(runs=runs)))["e2e"]
    assert run.prune_against == ("ucf", "mine") and run.tests == ("ucf",)


def test_each_seed_is_a_run_and_starts_from_its_own_pretraining():
    runs = expand_runs(complete(seeds=[4, 7]))
    assert {"sun", "sun-seed7", "e2e", "e2e-seed7"} == set(runs)
    assert (runs["e2e"].seed, runs["e2e"].weights) == (4, "sun")
    assert (runs["e2e-seed7"].seed, runs["e2e-seed7"].weights) == (7, "sun-seed7")


def traced(run, **runs):
    """The trainings behind a run's weights as (weights, sets, kept), and those not known."""
    expanded = expand_runs(complete(runs={run: runs.pop("own"), **runs}))
    found, unknown = pretraining(expanded[run], expanded)
    return [(one.weights, one.sets, one.kept) for one in found], unknown


def test_the_chain_of_weights():
    runs = expand_runs(complete())
    assert pretraining_sets(runs["e2e"], runs) == ["photos"]
    assert pretraining(runs["sun"], runs) == ([], [])


@pytest.mark.parametrize(
    ("own", "found", "unknown"),
    [
        # the same data set behind the weights: its own classes count
        ({"weights": "other"}, [("other", ("kinetics",), "other")], []),
        # torchvision's weights have seen all their classes
        ({"weights": "KINETICS400_V1"}, [("KINETICS400_V1", ("kinetics400",), None)], []),
        # of a file nothing is known but what the run says
        ({"weights": "a.pt"}, [], ["a.pt"]),
        ({"weights": "a.pt", "trained_on": "photos"}, [("a.pt", ("photos",), None)], []),
        # without training, the run's own weights are those in question
        (
            {"weights": "a.pt", "train_on": None, "trained_on": "kinetics"},
            [("run", ("kinetics",), "run")],
            [],
        ),
        ({"weights": "a.pt", "train_on": None, "trained_on": []}, [], ["a.pt"]),
        ({"weights": "other", "train_on": None}, [("other", ("kinetics",), "other")], []),
        # along the pretraining, pretraining_sets
        (
            {"weights": "later"},
            [("later", ("photos",), "later"), ("other", ("kinetics",), "other")],
            [],
        ),
        ({"weights": "filed"}, [("filed", ("photos",), "filed")], ["a.pt"]),
        (
            {
                "method": "convex",
                "weights": "r2plus1d_18:KINETICS400_V1",
                "train_on": None,
            },
            [("run", ("kinetics400",), None)],
            [],
        ),
        # a run's classifier saw what that kept
        (
            {"method": "convex", "weights": "plain", "train_on": None},
            [("plain", ("photos",), "plain")],
            [],
        ),
    ],
)
def test_what_lies_behind_weights(own, found, unknown):
    runs = {
        "other": {"train_on": "kinetics"},
        "later": {"train_on": "photos", "weights": "other"},
        "filed": {"train_on": "photos", "weights": "a.pt"},
        "plain": {"train_on": "photos", "loss": "classification"},
    }
    own = {"train_on": "kinetics", "unseen": ["ucf"], **own}
    own = {key: value for key, value in own.items() if value is not None}
    assert traced("run", own=own, **runs) == (found, unknown)


def test_pretraining_is_pruned_on_request_only():
    assert expand_runs(complete())["sun"].prune_against == ()
    pruned = expand_runs(complete(overlap={"prune_pretraining": True}))
    assert pruned["sun"].prune_against == ("ucf",)
    assert pruned["sun"].tests == ()


def test_sweeps_share_runs_and_are_named_for_what_they_are():
    figures = {
        "end_to_end": "e2e",
        "datasets": ["ucf"],
        "class_counts": [4, 8],
        "fractions": [0.1],
        "clusters": [1, 2],
        "cluster_classes": 8,
        "repeats": 2,
    }
    runs = expand_runs(complete(figures=figures))
    sweeps = sorted(set(runs) - {"sun", "e2e"})
    assert sweeps == [
        "e2e-10percent-repeat0",
        "e2e-4classes-repeat0",
        "e2e-4classes-repeat1",
        "e2e-8classes-2clusters-repeat0",
        "e2e-8classes-2clusters-repeat1",
        "e2e-8classes-repeat0",
        "e2e-8classes-repeat1",
    ]
    assert runs["e2e-4classes-repeat1"].subset == {"classes": 4, "repeat": 1}
    assert runs["e2e-4classes-repeat1"].weights == "sun"


@pytest.mark.parametrize("name", ["config", "paper", "overlap", "recipe"])
def test_the_shipped_configurations_are_valid(name):
    path = REPOSITORY / "config" / f"{name}.yaml"
    config = read_configuration(yaml.safe_load(path.read_text()), str(path))
    assert expand_runs(config)


def test_names_that_seeds_and_subsets_would_take_twice():
    runs = {"a": {"train_on": "kinetics"}, "a-seed1": {"train_on": "kinetics", "epochs": 9}}
    with pytest.raises(UserError, match=r"runs\.a-seed1 has a name"):
        expand_runs(complete(runs=runs, seeds=[0, 1]))


def test_a_class_list_alone_is_kept_unseen_but_not_scored():
    datasets = DATASETS | {"hmdb": {}}
    run = {"train_on": "kinetics", "unseen": ["ucf", "hmdb"]}
    config = complete(datasets=datasets, runs={"a": run})
    (expanded,) = expand_runs(config).values()
    assert expanded.tests == ("ucf",) and expanded.prune_against == ("ucf", "hmdb")
    row = {"run": "a", "datasets": ["hmdb"]}
    words = mistakes(datasets=datasets, runs={"a": run}, table2=[row])
    assert "table2[0].datasets: hmdb has no layout" in words
    row = {"run": "b", "datasets": ["ucf"]}
    words = mistakes(datasets=datasets, runs={"b": {"train_on": "hmdb"}}, table2=[row])
    assert "table2[0] needs run b: hmdb has no layout" in words


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"training": None}, "training must be of type mapping, not nothing: fill it in or leave"),
        ({"seeds": None}, "seeds must be of type list, not nothing: fill it in or leave"),
        ({"datasets": {"mine": {"path": "/x"}}}, "datasets.mine.path; possible: layout, root"),
        ({"datasets": DATASETS | {"a" * 260: {}}}, "is too long for a name: 100 letters at most"),
        ({"datasets": DATASETS | {"ab" * 20: {}}}, "ends in the same letters twenty times"),
        ({"runs": {"sun": {"train_on": ["photos", "photos"]}}}, "'photos' is there twice"),
    ],
)
def test_what_is_said(keys, said):
    assert said in mistakes(**keys)


def test_what_a_row_says_that_its_weights_have_seen():
    runs = {
        "sun": {"train_on": "photos"},
        "e2e": {"train_on": "kinetics", "unseen": ["ucf"], "weights": "sun"},
        "later": {"train_on": "photos", "weights": "e2e"},
        "frozen": {"train_on": "kinetics", "weights": "KINETICS400_V1", "freeze": True},
        "file": {"train_on": "photos", "weights": "a/b.pt"},
        "released": {"weights": "a/b.pt", "trained_on": "kinetics", "unseen": ["ucf"]},
        "convex": {"method": "convex", "weights": "efficientnet_lite2", "unseen": ["ucf"]},
    }
    found = expand_runs(complete(runs=runs))
    assert {name: trained_on(run, found) for name, run in found.items()} == {
        "sun": "photos",
        "e2e": "kinetics (pruned), photos",
        "later": "photos, kinetics (pruned)",
        "frozen": "kinetics, kinetics400",
        "file": "photos, not known",
        "released": "kinetics",
        "convex": "imagenet1k",
    }


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("table1", "table1[0].protocols: no test set of the row has lists: they have half, full"),
        ("table3", "table3[0].protocols: table 3 shows half and full side by side, no other"),
    ],
)
def test_protocols_that_no_test_set_of_a_row_has(table, message):
    row = {"run": "e2e", "datasets": ["ucf"], "protocols": ["lists"]}
    assert message in mistakes(**{table: [row]})
