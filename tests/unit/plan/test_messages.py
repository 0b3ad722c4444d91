"""Reasons in the configuration's words, from Snakemake's own objects and messages."""

import json
import logging

import pytest
from snakemake.logging import DefaultFormatter, LogEvent
from snakemake.persistence import ParamsChange

from unseen.plan.messages import Formatter, in_words

OLD, NEW = "0" * 64, "1" * 64


def reason(old, new) -> str:
    """What Snakemake says about params with other values."""
    change = ParamsChange(set(map(repr, old)), set(map(repr, new)))
    return f"Params have changed since last execution: {change}"


@pytest.mark.parametrize(
    ("old", "new", "params", "words"),
    [
        ([25], [5], {"snippets": 5, "scheme": "linear"}, "snippets: 25 -> 5"),
        (
            ['{"epochs": 8, "crop": 112}'],
            ['{"epochs": 4, "crop": 112}'],
            {"decisive": '{"epochs": 4, "crop": 112}'},
            "epochs: 8 -> 4",
        ),
        (
            ['{"input": {"crop": 1, "mean": [1, 2]}}'],
            ['{"input": {"crop": 2, "mean": [1, 2]}, "T": 3}'],
            {"settings": '{"input": {"crop": 2, "mean": [1, 2]}, "T": 3}'},
            "T: none -> 3; input.crop: 1 -> 2",
        ),
        ([OLD], [NEW], {"code": NEW}, "code has changed"),
        ([[]], [["--raw-words"]], {"raw_words": ["--raw-words"]}, "raw_words: none -> --raw-words"),
        ([], [7], {"seed": 7}, "seed: now 7"),
        ([7], [], {}, "no longer 7"),
        (["a now: b; c"], ["d"], {"x": "d"}, "x: a now: b; c -> d"),
    ],
)
def test_a_changed_setting_is_named(old, new, params, words):
    assert in_words(reason(old, new), params) == words


def test_a_digest_is_never_held_against_a_number():
    words = in_words(reason([OLD, 25], [NEW, 5]), {"code": NEW, "snippets": 5})
    assert sorted(words.split("; ")) == ["code has changed", "snippets: 25 -> 5"]


def test_other_reasons_stay():
    other = "Missing output files: a; Updated input files: b"
    assert in_words(other, {}) == other
    both = f"Updated input files: b; {reason([1], [2])}"
    assert in_words(both, {"seed": 2}) == "Updated input files: b; seed: 1 -> 2"


def record(event: LogEvent, **values) -> logging.LogRecord:
    made = logging.LogRecord("snakemake", logging.INFO, "", 0, "message", (), None)
    made.__dict__.update(event=event, **values)
    return made


JOB = {
    "rule_msg": None,
    "rule_name": "train",
    "local": False,
    "is_checkpoint": False,
    "input": [],
    "output": ["model", "log"],
    "log": ["train.log"],
    "jobid": 3,
    "benchmark": None,
    "wildcards": {"run": "e2e"},
    "priority": 0,
    "threads": 1,
    "resources": {},
    "reason": reason([json.dumps({"epochs": 8})], [json.dumps({"epochs": 4})]),
}


def params(rule: str, wildcards: dict[str, str]) -> dict[str, str]:
    assert (rule, wildcards) == ("train", {"run": "e2e"})
    return {"decisive": json.dumps({"epochs": 4})}


def test_a_log_keeps_the_blocks_and_a_terminal_gets_a_line():
    block = Formatter(DefaultFormatter(), params, brief=False).format(
        record(LogEvent.JOB_INFO, **JOB)
    )
    assert "rule train:" in block and "    reason: epochs: 8 -> 4" in block
    line = Formatter(DefaultFormatter(), params, brief=True).format(
        record(LogEvent.JOB_INFO, **JOB)
    )
    assert "\n" not in line and line.endswith("train: model and 1 more (epochs: 8 -> 4)")
    follows = JOB | {"reason": "Input files updated by another job: a, b"}
    line = Formatter(DefaultFormatter(), params, True).format(record(LogEvent.JOB_INFO, **follows))
    assert line.endswith("(follows from the jobs before)")


def test_a_failed_job_shows_no_command():
    failed = record(
        LogEvent.JOB_ERROR,
        **JOB | {"msg": None, "conda_env": None, "shellcmd": "python run_stage.py", "aux": {}},
    )
    shown = Formatter(DefaultFormatter(), params, brief=False).format(failed)
    assert "Error in rule train" in shown and "train.log" in shown and "run_stage" not in shown
    assert failed.shellcmd == "python run_stage.py"  # the log's


def test_an_exception_shows_no_command():
    error = record(LogEvent.ERROR)
    error.msg = "RuleException:\nCommand 'set -e; python x.py\n' returned non-zero exit status 75."
    shown = Formatter(DefaultFormatter(), params, brief=False).format(error)
    assert shown == "RuleException:\nits command returned non-zero exit status 75."
