"""Settings as typed fields: each says once what it is, what is possible and what reads it.

A setting is a field of a `Section` (or of a pydantic dataclass with `CONFIG`). Its annotation holds
the type, the choices and the range, its default the default, and the text below it the
description. `ReadBy` and `OnlyWith` in the annotation say which stages read it, and when. From
these come the defaults, the checks, the schema, the documentation and what reruns.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

from pydantic import (
    AllowInfNan,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    ValidationError,
    create_model,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

CONFIG = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)
LONGEST_NAME = 100
LARGEST = 2**53
"""The largest whole number, beyond which floating point skips some."""


class Section(BaseModel):
    """A part of the configuration: keys that are not known are refused, and so are other types."""

    model_config = CONFIG | ConfigDict(frozen=True)

    @property
    def given(self) -> dict[str, Any]:
        """The keys that were given, without those that have their defaults."""
        fields = type(self).model_fields
        return {key: getattr(self, key) for key in fields if key in self.model_fields_set}


# What reads a setting


@dataclass(frozen=True)
class ReadBy:
    """The stages that read a setting, by names that the section's stages agree on."""

    stages: frozenset[str]


def read_by(*stages: str) -> ReadBy:
    """In a setting's annotation: what reads it. `read_by()` is a setting that changes no result."""
    return ReadBy(frozenset(stages))


@dataclass(frozen=True)
class OnlyWith:
    """In a setting's annotation: it is read only where another setting has one of these values."""

    key: str
    values: tuple[Any, ...]


def only_with(key: str, *values: Any) -> OnlyWith:
    """See `OnlyWith`."""
    return OnlyWith(key, values)


def keys_read(fields: Mapping[str, FieldInfo], stage: str, *, otherwise: str = "") -> list[str]:
    """The keys whose settings a stage reads; those that do not say are read by `otherwise`."""
    found = []
    for key, field in fields.items():
        said = [data.stages for data in field.metadata if isinstance(data, ReadBy)]
        if stage in (said[0] if said else {otherwise}):
            found.append(key)
    return found


def unread(fields: Mapping[str, FieldInfo], settings: Mapping[str, Any]) -> dict[str, OnlyWith]:
    """The keys that nothing reads while the other settings are what they are, and why."""
    return {
        key: data
        for key, field in fields.items()
        for data in field.metadata
        if isinstance(data, OnlyWith) and settings[data.key] not in data.values
    }


# Kinds of values


def _as_number(value: Any) -> Any:
    """Texts such as `1e-3`, which YAML 1.1 takes for a string, as the number that they mean."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Number = Annotated[float, BeforeValidator(_as_number), AllowInfNan(False)]
"""A finite number, written in any way that YAML or Python knows."""
Names = Annotated[
    list[str],
    BeforeValidator(_as_list, json_schema_input_type=str | list[str]),
]
"""A name or a list of names."""
Name = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=LONGEST_NAME),
]
"""What a user calls a data set or a run; it becomes part of file names."""


def without_repeats(values: list[Any]) -> list[Any]:
    """A validator of lists: refuse an item that is there twice."""
    twice = next((value for place, value in enumerate(values) if value in values[:place]), None)
    if twice is not None:
        raise ValueError(f"{twice!r} is there twice")
    return values


# Sections made of other types


def section_of(
    name: str, settings: type, *, base: type[Section] = Section, without: Iterable[str] = ()
) -> type[Any]:
    """A section with the fields of a pydantic dataclass besides those of `base`."""
    fields = {
        key: (field.annotation, field)
        for key, field in fields_of(settings).items()
        if key not in {*without}
    }
    return create_model(name, __base__=base, __doc__=settings.__doc__, **fields)  # type: ignore[call-overload, no-any-return]


def fields_of(settings: type) -> dict[str, FieldInfo]:
    """The fields of a section or of a pydantic dataclass."""
    return dict(getattr(settings, "__pydantic_fields__", {}))


# Mistakes


def mistakes_in(error: ValidationError, root: type) -> Iterator[str]:
    """One line for each mistake: the key, what is wrong with it, and what is possible."""
    for detail in error.errors(include_url=False):
        yield _explain(detail, root)


_TYPES = {
    "int_type": "integer",
    "int_from_float": "integer",
    "float_type": "number",
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "list",
    "dict_type": "mapping",
    "model_type": "mapping",
    "model_attributes_type": "mapping",
}


def too_large(values: Any, path: tuple[Any, ...] = ()) -> Iterator[str]:
    """One line for each whole number that nothing can count to: it would end a job later."""
    if isinstance(values, Mapping):
        values = values.items()
    elif isinstance(values, list):
        values = enumerate(values)
    else:
        if isinstance(values, int) and abs(values) > LARGEST:
            yield f"{dotted(path)} is {values:.3e}; it must be at most {LARGEST:,}"
        return
    for key, value in values:
        yield from too_large(value, (*path, key))


def _explain(detail: ErrorDetails, root: type) -> str:
    *path, last = detail["loc"] or ("",)
    value, context = detail["input"], detail.get("ctx", {})
    if last == "[key]":
        return _explain_name(".".join(map(str, path[:-1])), path[-1])
    key = dotted([*path, last]) or "the configuration"
    kind = detail["type"]
    if kind == "extra_forbidden":
        return f"unknown key {key}{_nearest(str(last), _known_keys(root, path))}"
    if kind == "missing":
        return f"{dotted(path) or 'the configuration'} lacks the key {last}"
    if kind in _TYPES:
        shown = repr(value) if len(repr(value)) <= 60 else f"{repr(value)[:60]}…"
        if value is None:
            shown = "nothing: fill it in or leave the key out"
        return f"{key} must be of type {_TYPES[kind]}, not {shown}"
    if kind == "literal_error":
        choices = _choices(root, detail["loc"])
        return f"{key} is {value!r}; possible: {', '.join(choices)}{suggest(str(value), choices)}"
    if kind == "finite_number":
        return f"{key} is {value!r}; it must be a number with an end"
    if kind == "value_error":
        return f"{key}: {context['error']}"
    limits = {
        "greater_than_equal": "at least {ge}",
        "greater_than": "more than {gt}",
        "less_than_equal": "at most {le}",
        "less_than": "less than {lt}",
        "multiple_of": "a multiple of {multiple_of}",
    }
    if kind in limits:
        return f"{key} is {value!r}; it must be {limits[kind].format(**context)}"
    if kind == "too_short":
        return f"{key} is empty; give at least {context['min_length']}"
    return f"{key}: {detail['msg']}"


def _explain_name(section: str, name: Any) -> str:
    if not isinstance(name, str):
        return f"{section}: {name!r} is no text: put the name in quotes"
    if len(name) > LONGEST_NAME:
        return f"{section}: {name[:20]}… is too long for a name: {LONGEST_NAME} letters at most"
    return f"{section}: {name!r} is no name: use letters, digits, '_', '.' and '-'"


def dotted(path: Iterable[Any]) -> str:
    """A key's place such as `table2[0].run`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def suggest(name: str, known: Iterable[str]) -> str:
    """` (did you mean …?)` for a name that is nearly a known one, else nothing."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _nearest(name: str, known: list[str]) -> str:
    return suggest(name, known) or f"; possible: {', '.join(known)}"


def _known_keys(root: type, path: Iterable[Any]) -> list[str]:
    section = _at(root, path)
    return [*fields_of(section)] if isinstance(section, type) else []


def _choices(root: type, path: Iterable[Any]) -> list[str]:
    return [_shown(choice) for choice in literals(_at(root, path))]


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def literals(annotation: Any) -> list[Any]:
    """The values of a `Literal` in an annotation, in their order."""
    if get_origin(annotation) is not None and get_origin(annotation).__name__ == "Literal":
        return list(get_args(annotation))
    return [value for part in get_args(annotation) for value in literals(part)]


def _at(root: Any, path: Iterable[Any]) -> Any:
    """The type of a key, found by its place below a section."""
    for part in path:
        while get_origin(root) is Annotated:
            root = get_args(root)[0]
        if get_origin(root) in (dict, list):
            root = get_args(root)[-1]
        elif isinstance(root, type):
            field = fields_of(root).get(str(part))
            root = field.annotation if field else None
    while get_origin(root) is Annotated:
        root = get_args(root)[0]
    return root
