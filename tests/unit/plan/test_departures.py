"""The page of departures says what the defaults are, and names keys that restore the others."""

import re
from typing import Any

import numpy as np
import pytest
import yaml
from repository import REPOSITORY

from unseen.classes.overlap import Neighbour
from unseen.plan.settings import Configuration, Training
from unseen.results.protocol_names import HALF, IN_METRICS
from unseen.results.protocols import measure
from unseen.results.test_set import Truth
from unseen.videos.kenburns import crop_path, short_side_bounds
from unseen.videos.sampling import centre_start

LINES = (REPOSITORY / "docs/departures.md").read_text().splitlines()
ROWS = {
    cells[0]: dict(zip(("here", "paper", "code", "restored", "effect"), cells[1:], strict=True))
    for line in LINES
    if line.startswith("| ") and not line.startswith("| topic")
    for cells in [[cell.strip() for cell in line.strip("|").split(" | ")]]
}
NEEDED = {"datasets": {"a": {}}}


def keys_in(text: str) -> dict[str, Any]:
    """The settings that a cell spells as `key: value`."""
    found = re.findall(r"`([a-z_0-9.]+): ([^`]+)`", text)
    return {key: yaml.safe_load(value) for key, value in found}


def setting(config: Configuration, key: str) -> Any:
    value: Any = config
    for part in key.split("."):
        value = getattr(value, part)
    return value


def test_every_row_is_whole() -> None:
    assert len(ROWS) == sum(line.startswith("| ") for line in LINES) - 1 > 25
    assert all(all(row.values()) for row in ROWS.values())


@pytest.mark.parametrize("topic", [topic for topic, row in ROWS.items() if keys_in(row["here"])])
def test_the_defaults_are_those_of_the_page(topic: str) -> None:
    defaults = Configuration.model_validate(NEEDED)
    for key, value in keys_in(ROWS[topic]["here"]).items():
        assert setting(defaults, key) == value, key


@pytest.mark.parametrize(
    "topic", [topic for topic, row in ROWS.items() if keys_in(row["restored"])]
)
def test_what_restores_is_a_setting_that_is_possible_and_no_default(topic: str) -> None:
    defaults = Configuration.model_validate(NEEDED)
    changed: dict[str, Any] = dict(NEEDED)
    for key, value in keys_in(ROWS[topic]["restored"]).items():
        *sections, last = key.split(".")
        section = changed
        for name in sections:
            section = section.setdefault(name, {})
        section[last] = value
    config = Configuration.model_validate(changed)
    for key, value in keys_in(ROWS[topic]["restored"]).items():
        assert setting(config, key) == value != setting(defaults, key), key


def test_choices_that_have_no_departure_are_none() -> None:
    """A key of training with a choice of ways is on the page, or is an option beyond the paper."""
    named = {key for row in ROWS.values() for key in keys_in(row["here"])}
    beyond = {"schedule", "optimiser", "network", "device"}
    for key, field in Training.model_fields.items():
        if "Literal" in str(field.annotation):
            assert f"training.{key}" in named or key in beyond, key


# What has no key


def test_a_class_at_the_threshold_is_removed() -> None:
    assert not Neighbour("a", 0.05).beyond(0.05) and Neighbour("a", 0.050001).beyond(0.05)


def test_the_one_snippet_is_the_centre_one() -> None:
    assert centre_start(116, 16) == 50


def test_paths_of_crops_have_fractions_and_small_photographs_are_enlarged_to_172() -> None:
    path = crop_path(640, 480, frames=16, size=112, rng=np.random.default_rng(0))
    assert (path[1:-1] % 1 != 0).any()
    assert short_side_bounds(112) == (172, 512)


def test_the_spread_of_protocol_1_is_that_of_a_sample() -> None:
    rng = np.random.default_rng(0)
    truth = Truth(np.arange(60) % 12, np.array([]), np.array([]), (), np.arange(60))
    rows = measure({1: rng.random((60, 12))}, truth, 12, seed=0)
    halves = [
        row["top1"]
        for row in rows
        if row["protocol"] == IN_METRICS[HALF] and row["split"].isdigit()
    ]
    (spread,) = (row["top1"] for row in rows if row["split"] == "sd")
    assert len(halves) == 10 and spread > 0
    assert spread == pytest.approx(np.std(halves) * np.sqrt(10 / 9))
