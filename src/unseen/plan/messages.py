"""What a run says: Snakemake's messages in the words of the configuration, short on a terminal."""

import ast
import copy
import json
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_CHANGED = re.compile(
    r"Params have changed since last execution: "
    r"[^:]*: before: (.*) now: (.*?) (?=; |$)",
    re.S,
)
_FOLLOWS = re.compile(r"Input files updated by another job: [^;]*")
_CHATTER = ("Select jobs", "Execute ", "Touching output", "DAG of jobs", "Updating checkpoint")
_DIGEST = re.compile(r"[0-9a-f]{12,}")
_COMMAND = re.compile(r"Command '.*' (returned non-zero exit status)", re.S)
_UNSAID = ("workflow_started", "job_finished", "shellcmd")
_LONG = 60


def in_words(reason: str, params: Mapping[str, Any]) -> str:
    """Snakemake's reason for a job, with changed settings by name: `epochs: 8 -> 4`.

    Args:
        reason: As Snakemake gives it, with the params before and now as they are in its records.
        params: The job's params by name, as they are now.
    """
    found = _CHANGED.search(reason)
    if not found:
        return reason
    before, now = map(_values, found.groups())
    changes = "; ".join(_changes(before, now, params))
    return reason[: found.start()] + changes + reason[found.end() :] if changes else reason


def _values(text: str) -> list[Any]:
    """The values of a list of params. What cannot be read back is left out."""
    try:
        return list(ast.literal_eval(f"({text},)"))
    except (SyntaxError, ValueError):
        return []


def _changes(before: list[Any], now: list[Any], params: Mapping[str, Any]) -> Iterator[str]:
    """One text a param: each new value is held against the old one that is most like it."""
    names = {repr(value): name for name, value in params.items()}
    left = list(before)
    for value in now:
        old = max(left, key=lambda one: _likeness(one, value), default=None)
        if old is not None and _likeness(old, value) > 0:
            left.remove(old)
        else:
            old = None
        yield from _change(names.get(repr(value), "a param"), old, value)
    for value in left:
        if not _DIGEST.fullmatch(str(value)):
            yield f"no longer {_short(value)}"


def _likeness(old: Any, new: Any) -> float:
    """How likely two values are the same param's: of settings the share of keys in common."""
    one, other = _settings(old), _settings(new)
    if one is not None and other is not None:
        return len(one.keys() & other.keys()) / max(len(one.keys() | other.keys()), 1)
    digests = [bool(_DIGEST.fullmatch(str(value))) for value in (old, new)]
    if any(digests) or one is not None or other is not None:
        return float(all(digests))
    return 1.0 if type(old) is type(new) else 0.5


def _change(name: str, old: Any, new: Any) -> Iterator[str]:
    one, other = _settings(old), _settings(new)
    if one is not None and other is not None:
        for key in sorted({**one, **other}):
            if one.get(key) != other.get(key):
                yield f"{key}: {_short(one.get(key))} -> {_short(other.get(key))}"
    elif _DIGEST.fullmatch(str(new)):
        yield f"{name} has changed"
    elif old is None:
        yield f"{name}: now {_short(new)}"
    else:
        yield f"{name}: {_short(old)} -> {_short(new)}"


def _settings(value: Any) -> dict[str, Any] | None:
    """The settings in a param that is JSON, those of sections with a dot; None for any other."""
    if not (isinstance(value, str) and value.startswith("{")):
        return None
    try:
        return dict(_flat(json.loads(value)))
    except ValueError:
        return None


def _flat(section: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in section.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield before + key, value


def _short(value: Any) -> str:
    if isinstance(value, (list, tuple)) and len(value) == 1:
        value = value[0]
    text = "none" if value is None or value == [] else str(value)
    return text if len(text) <= _LONG else f"{text[: _LONG - 3]}..."


class Formatter(logging.Formatter):
    """Snakemake's formatter with reasons in words; on a terminal a line a job.

    The log in `.snakemake/log` keeps the whole.

    Args:
        inner: Snakemake's own.
        params: Gives the params of a job by its rule's name and its wildcards.
        brief: Whether a job's start is one line and its end none.
    """

    def __init__(
        self,
        inner: logging.Formatter,
        params: Callable[[str, Mapping[str, str]], Mapping[str, Any]],
        brief: bool,
    ) -> None:
        super().__init__()
        self.inner, self.params, self.brief = inner, params, brief

    def format(self, record: logging.LogRecord) -> str:
        """A message as people read it; empty for what is not shown."""
        record = copy.copy(record)
        event = getattr(getattr(record, "event", None), "value", None)
        if event == "job_info":
            reason = str(record.__dict__["reason"])
            if _CHANGED.search(reason):  # to ask for a job's params takes time
                wildcards = getattr(record, "wildcards", None) or {}
                reason = in_words(reason, self.params(record.__dict__["rule_name"], wildcards))
            record.__dict__["reason"] = reason
            if self.brief:
                return _line(record.__dict__)
        if event == "job_error":
            record.__dict__["shellcmd"] = None
        if isinstance(record.msg, str) and not record.args:
            record.msg = _COMMAND.sub(r"its command \1", record.msg)
        if self.brief and (event in _UNSAID or record.getMessage().startswith(_CHATTER)):
            return ""
        return self.inner.format(record)


def _line(job: Mapping[str, Any]) -> str:
    outputs = job["output"] or [f"job {job['jobid']}"]
    more = f" and {len(outputs) - 1} more" if len(outputs) > 1 else ""
    reason = _FOLLOWS.sub("follows from the jobs before", str(job["reason"]))
    reason = reason if len(reason) <= 3 * _LONG else f"{reason[: 3 * _LONG - 3]}..."
    return f"[{time.strftime('%H:%M:%S')}] {job['rule_name']}: {outputs[0]}{more} ({reason})"
