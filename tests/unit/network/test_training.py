"""Training: right steps, the same end however often it is killed, and mistakes in plain words."""

import contextlib
import csv
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from repository import SCRIPTS, SOURCE
from small_run import CAT, DESCRIBED, TINY, background, write_small_run

import unseen.network.training
from unseen.base.errors import UserError
from unseen.network.checkpoints import CHECKPOINTS
from unseen.network.extract_features import extract_features
from unseen.network.initial_weights import start_network
from unseen.network.labelled_clips import (
    TrainingSources,
    open_store,
    select_training_set,
    stored_clips,
)
from unseen.network.losses import cosines
from unseen.network.model_file import load_model, write_model
from unseen.network.settings import TrainingSettings
from unseen.network.signals import STOPPED
from unseen.network.training import train
from unseen.network.training_snippets import input_maker, training_loader


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> TrainingSources:
    torch.set_num_threads(1)
    return write_small_run(tmp_path_factory.mktemp("sources"))


def run(sources, folder, settings=TINY, **options):
    options = {"weights": None, "features": None, **options}
    output = folder / "model.safetensors"
    train(sources, settings, output=output, log=folder / "log.csv", **options)
    return output.read_bytes()


def rows_of(folder) -> list[dict[str, float]]:
    with (folder / "log.csv").open() as stream:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(stream)]


def test_an_unknown_setting_is_refused():
    with pytest.raises(UserError, match="learning_rat"):
        TrainingSettings.from_mapping({"learning_rat": 1})


def test_a_class_without_embedding_is_named(sources, tmp_path):
    (tmp_path / "kept.txt").write_text("purple rain\n")
    with pytest.raises(UserError, match="purple rain"):
        run(replace(sources, kept=tmp_path / "kept.txt"), tmp_path)


def test_eight_clips_are_learnt_by_heart(tmp_path):
    sources = replace(write_small_run(tmp_path / "data", clips_per_class=1), kept=None)
    settings = replace(
        TINY, epochs=60, milestones=[50], batch_size=8, dropout=0.0, checkpoint_minutes=10.0
    )
    run(sources, tmp_path, settings)
    network, content = load_model(tmp_path / "model.safetensors")
    data = select_training_set(stored_clips(sources.shards), sources)
    loader = training_loader(open_store(sources.shards), data.clips, settings)
    batch = next(loader.epoch(0))
    snippets = input_maker(settings, torch.device("cpu"), torch.float32)(batch, 0)
    found = cosines(network(snippets), content["class_embeddings"])
    assert len(batch) == 8
    assert found[range(8), data.labels[batch.clips]].min() > 0.99
    assert rows_of(tmp_path)[-1]["accuracy"] == 100


def test_a_stopped_run_ends_in_the_same_bytes(sources, tmp_path):
    whole = run(sources, tmp_path / "whole")
    for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT):
        stop_in_the_middle(sources, tmp_path / "stopped", TINY, number)
    assert run(sources, tmp_path / "stopped") == whole
    assert len(rows_of(tmp_path / "stopped")) == TINY.epochs


def test_signals_are_looked_at_every_few_steps(sources, tmp_path, monkeypatch):
    """As on a GPU, where each look has to wait for it."""
    whole = run(sources, tmp_path / "whole")
    monkeypatch.setitem(unseen.network.training.CHECK_EVERY, "cpu", 3)
    told = unseen.network.training.stop_signals

    @contextlib.contextmanager
    def stop_at_once():
        with told() as received:
            received.append(signal.SIGTERM)
            yield received

    monkeypatch.setattr(unseen.network.training, "stop_signals", stop_at_once)
    stops = 0
    while not (tmp_path / "stopped/model.safetensors").exists():
        with contextlib.suppress(SystemExit):
            run(sources, tmp_path / "stopped")
        stops += 1
    assert stops > TINY.epochs
    assert (tmp_path / "stopped/model.safetensors").read_bytes() == whole


def test_a_model_that_got_lost_is_there_again_in_a_moment(sources, tmp_path, capsys):
    whole = run(sources, tmp_path)
    log = (tmp_path / "log.csv").read_bytes()
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / "log.csv").unlink()
    capsys.readouterr()
    assert run(sources, tmp_path) == whole
    assert (tmp_path / "log.csv").read_bytes() == log
    assert "going on from the end" in capsys.readouterr().out


def test_workers_survive_a_signal_to_all(sources, tmp_path):
    settings = replace(TINY, epochs=500, workers=2)
    stop_in_the_middle(sources, tmp_path, settings, signal.SIGTERM, os.killpg)


def stop_in_the_middle(sources, folder, settings, number, kill=os.kill):
    """Start a run, wait until it has done a step, and stop it by a signal."""
    kept = Path(settings.checkpoint_folder, folder.name) if settings.checkpoint_folder else folder
    before = checkpoints(kept)
    process = background(sources, folder, settings)
    while checkpoints(kept) == before and process.is_alive():
        time.sleep(0.002)
    kill(process.pid, number)
    process.join()
    assert process.exitcode == STOPPED


def checkpoints(folder) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.glob(CHECKPOINTS)}


@pytest.mark.long
def test_twenty_kills_change_nothing(sources, tmp_path):
    settings = replace(TINY, epochs=6)
    began = time.monotonic()
    whole = run(sources, tmp_path / "whole", settings)
    duration = time.monotonic() - began
    moments = random.Random(5)
    for _ in range(20):
        process = background(sources, tmp_path / "killed", settings)
        process.join(moments.uniform(0, duration / 2))
        process.kill()
        process.join()
    assert run(sources, tmp_path / "killed", settings) == whole


def test_a_checkpoint_of_other_settings_is_left_alone_or_refused(sources, tmp_path, capsys):
    """Whoever goes back to earlier settings goes on where they stopped."""
    long = replace(TINY, epochs=500)
    stop_in_the_middle(sources, tmp_path, long, signal.SIGTERM)
    left = checkpoints(tmp_path)
    with pytest.raises(UserError, match="no checkpoint to go on from; of other code, settings or"):
        run(sources, tmp_path, must_resume=True)
    with pytest.raises(UserError, match="of other code"):
        run(sources, tmp_path, long, digest="of other code", must_resume=True)
    stop_in_the_middle(sources, tmp_path, replace(TINY, epochs=400), signal.SIGTERM)
    assert left.items() < checkpoints(tmp_path).items()
    stop_in_the_middle(sources, tmp_path, long, signal.SIGTERM)
    assert left.keys() < checkpoints(tmp_path).keys()
    capsys.readouterr()
    fresh = run(sources, tmp_path)
    assert "starting afresh: of other code, settings or inputs are" in capsys.readouterr().out
    assert len(checkpoints(tmp_path)) == 1
    assert run(sources, tmp_path / "other") == fresh


@pytest.mark.long
def test_checkpoints_in_a_folder_that_outlives_the_machine(sources, tmp_path):
    """Whoever trains next has another folder of results and goes on where the first was stopped."""
    settings = replace(TINY, epochs=20, checkpoint_folder=str(tmp_path / "kept"))
    stop_in_the_middle(sources, tmp_path / "first/run", settings, signal.SIGTERM)
    assert not checkpoints(tmp_path / "first/run")
    assert len(checkpoints(tmp_path / "kept/run")) == 1
    resumed = run(sources, tmp_path / "second/run", settings, must_resume=True)
    assert resumed == run(sources, tmp_path / "third/run", replace(TINY, epochs=20))


def test_workers_and_intervals_belong_to_no_result():
    other = replace(TINY, workers=7, threads=5, device="cuda", checkpoint_minutes=3.0)
    other = replace(other, checkpoint_folder="elsewhere")
    assert other.decisive == TINY.decisive
    assert replace(TINY, seed=1).decisive != TINY.decisive


def test_a_loss_that_is_not_finite_names_its_clips(sources, tmp_path):
    with pytest.raises(UserError, match=r"not finite in epoch 1, step \d; .*colours \w+\d"):
        run(sources, tmp_path, replace(TINY, learning_rate=1e38, normalise=False))


WAYS = ("through", "stored")


@pytest.mark.parametrize("feature_epochs", [None, 2])
def test_stored_features_train_as_the_frozen_network_does(sources, tmp_path, feature_epochs):
    settings = replace(TINY, freeze=True, feature_epochs=feature_epochs, dtype="bfloat16")
    start, _ = start_network(settings.network_settings, embedding_dim=6, weights=None, seed=9)
    write_model(tmp_path / "start.pt", start, CAT, DESCRIBED)
    weights = str(tmp_path / "start.pt")
    through = run(sources, tmp_path / WAYS[0], settings, weights=weights)
    extract_features(sources, settings, weights, tmp_path / "features.h5")
    stored = run(
        replace(sources, shards={}),
        tmp_path / WAYS[1],
        settings,
        weights=weights,
        features=tmp_path / "features.h5",
    )
    assert stored != through  # it says what its features were computed with
    states = [load_model(tmp_path / name / "model.safetensors")[0].state_dict() for name in WAYS]
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name
    network, content = load_model(tmp_path / "stored" / "model.safetensors")
    for name, value in network.visual_encoder.state_dict().items():
        assert torch.equal(value, start.visual_encoder.state_dict()[name]), name
    assert not torch.equal(
        network.semantic_encoder.projection.weight, start.semantic_encoder.projection.weight
    )
    assert content["lineage"][0]["classes"] == ["cat"]
    assert content["features"]["dtype"] == content["arithmetic"]["dtype"] == "bfloat16"
    assert content["arithmetic"]["device"] == "cpu"


@pytest.mark.parametrize(
    "keys",
    [
        {"loss": "classification"},
        {"loss": "mse_sum", "learning_rate": 1e-4},
        {"mixing": 1.0},
        {
            "loss": "contrastive",
            "projection": 16,
            "uniformity": 0.1,
            "mixing": 0.5,
            "optimiser": "sgd",
            "learning_rate": 0.05,
            "schedule": "cosine",
            "warmup_epochs": 1,
        },
    ],
)
def test_other_losses_learn(sources, tmp_path, keys):
    run(sources, tmp_path, replace(TINY, epochs=8, milestones=[], **keys))
    rows = rows_of(tmp_path)
    assert rows[-1]["loss"] < 0.8 * rows[0]["loss"]
    network, _ = load_model(tmp_path / "model.safetensors")
    assert (network.semantic_encoder is None) == (keys.get("loss") == "classification")


def test_two_processes_learn_as_one(sources, tmp_path):
    """c3d has no batch norm, the crop no room: only the sums' order differs."""
    settings = replace(
        TINY, network="c3d", width=4, frames=16, crop=36, flip=False, dropout=0.0, epochs=4
    )
    run(sources, tmp_path / "one", settings)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    group = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    processes = [
        background(
            sources,
            tmp_path / "two",
            settings,
            environment={**group, "RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]
    for process in processes:
        process.join()
        assert process.exitcode == 0
    one, two = (rows_of(tmp_path / name) for name in ("one", "two"))
    assert [row["snippets"] for row in one] == [row["snippets"] for row in two]
    np.testing.assert_allclose(
        [row["loss"] for row in two], [row["loss"] for row in one], rtol=1e-4
    )


def script(sources, folder, epochs: int, nodes: int) -> list:
    """The command that trains in two processes."""
    (dataset,) = sources.shards
    arguments = ["--shards", *(f"{dataset}={path}" for path in sources.shards[dataset])]
    arguments += ["--labels", f"{dataset}={sources.labels[dataset]}"]
    arguments += ["--class-embeddings", f"{dataset}={sources.class_embeddings[dataset]}"]
    settings = json.dumps(asdict(replace(TINY, epochs=epochs)))
    arguments += ["--kept", str(sources.kept), "--settings", settings]
    folder.mkdir(exist_ok=True)
    (folder / "arguments").write_text("\n".join(arguments))
    command = [sys.executable, SCRIPTS / "train.py", f"@{folder / 'arguments'}"]
    command += ["--processes", "2", "--nodes", str(nodes)]
    return [*command, "--output", folder / "model.safetensors", "--log", folder / "log.csv"]


ENVIRONMENT = os.environ | {"PYTHONPATH": str(SOURCE), "OMP_NUM_THREADS": "1"}


@pytest.mark.long
def test_the_script_trains_stops_and_goes_on_in_two_processes(sources, tmp_path):
    command = script(sources, tmp_path, epochs=40, nodes=1)
    process = subprocess.Popen(command, env=ENVIRONMENT)
    while not checkpoints(tmp_path) and process.poll() is None:
        time.sleep(0.01)
    process.terminate()
    assert process.wait() == STOPPED
    assert not (tmp_path / "model.safetensors").exists()
    subprocess.run(command, check=True, env=ENVIRONMENT)
    assert len(rows_of(tmp_path)) == 40
    load_model(tmp_path / "model.safetensors")


@pytest.mark.long
def test_how_processes_spread_over_nodes_changes_no_byte(sources, tmp_path):
    """Two agents that meet on this machine, as torchrun's do on two."""
    for nodes in (1, 2):
        command = script(sources, tmp_path / str(nodes), epochs=3, nodes=nodes)
        subprocess.run(command, check=True, env=ENVIRONMENT, timeout=300)
    one, two = (tmp_path / str(nodes) / "model.safetensors" for nodes in (1, 2))
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.long
def test_a_lost_node_ends_the_job_and_the_next_one_goes_on(sources, tmp_path):
    command = script(sources, tmp_path, epochs=400, nodes=2)
    process = subprocess.Popen(command, env=ENVIRONMENT)
    while not checkpoints(tmp_path) and process.poll() is None:
        time.sleep(0.01)
    lost = subprocess.check_output(["pgrep", "-P", str(process.pid)], text=True).split()[1]
    os.kill(int(lost), signal.SIGKILL)
    assert process.wait(timeout=120) not in (0, STOPPED)
    assert not (tmp_path / "model.safetensors").exists()
    resumed = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
    printed = []
    for line in resumed.stdout:
        printed.append(line)
        if "going on from epoch" in line:
            resumed.terminate()
    assert resumed.wait() == STOPPED, printed


def test_weights_alone_make_a_model(sources, tmp_path):
    start, _ = start_network(TINY.network_settings, embedding_dim=6, weights=None, seed=9)
    write_model(tmp_path / "start.pt", start, CAT, DESCRIBED)
    nothing = replace(sources, shards={}, labels={})
    run(nothing, tmp_path, weights=str(tmp_path / "start.pt"))
    network, content = load_model(tmp_path / "model.safetensors")
    for name, value in network.state_dict().items():
        assert torch.equal(value, start.state_dict()[name]), name
    assert len(content["classes"]) == 7 and rows_of(tmp_path) == []
    with pytest.raises(UserError, match="nothing to train on"):
        run(nothing, tmp_path)
