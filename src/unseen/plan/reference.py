"""The schema and the documentation of the configuration, made of the settings' types.

PYTHONPATH=src python -m unseen.plan.reference    # writes both anew
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic.fields import FieldInfo

from unseen.base.files import atomic
from unseen.base.settings import Section, literals
from unseen.plan.settings import (
    Clips,
    Comparison,
    Configuration,
    Dataset,
    Demo,
    Figures,
    Input,
    Overlap,
    Photographs,
    Row,
    RunKeys,
    Testing,
    Training,
)

REPOSITORY = Path(__file__).resolve().parents[3]
SCHEMA = Path("workflow/schemas/config.schema.yaml")
README = Path("config/README.md")

SECTIONS: Mapping[str, type[Section]] = {
    "top level": Configuration,
    "datasets": Dataset,
    "clips": Clips,
    "photographs": Photographs,
    "overlap": Overlap,
    "runs": RunKeys,
    "input": Input,
    "training": Training,
    "testing": Testing,
    "rows": Row,
    "comparisons": Comparison,
    "figures": Figures,
    "demo": Demo,
}
OF_THEIR_OWN = {*SECTIONS, "table1", "table2", "table3"}
"""Keys of the top level that have a table of their own."""


def schema() -> dict[str, Any]:
    """The configuration as a JSON schema, for editors and other programs."""
    found: dict[str, Any] = Configuration.model_json_schema()
    _tidy(found)
    for key in Training.model_fields:  # which a run takes from `training`
        found["$defs"]["Run"]["properties"][key].pop("default", None)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | found


LIMITS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
}
"""What pydantic leaves as it is where a validator comes before the limit."""


def _tidy(value: Any) -> None:
    """Leave out titles, put descriptions on one line and call limits by the schema's names."""
    if isinstance(value, dict):
        if isinstance(value.get("title"), str):
            del value["title"]
        if isinstance(value.get("description"), str):
            value["description"] = _one_line(value["description"])
        for limit, name in LIMITS.items():
            if limit in value:
                value[name] = value.pop(limit)
        for item in value.values():
            _tidy(item)
    elif isinstance(value, list):
        for item in value:
            _tidy(item)


def schema_text() -> str:
    """The schema's file."""
    head = "# Made of the settings' types by `make reference`.\n"
    text: str = yaml.safe_dump(schema(), sort_keys=False, allow_unicode=True, width=1000)
    return head + text


def readme_text(text: str) -> str:
    """The documentation with the table behind each `<!-- keys: SECTION -->` made anew."""

    def table(match: re.Match[str]) -> str:
        return f"{match[1]}\n\n{''.join(_table(match[2]))}"

    return re.sub(r"(<!-- keys: ([\w ]+) -->)\n(?:\n(?:\|.*\n)*)?", table, text)


def _table(section: str) -> Iterator[str]:
    """A row for each key of a section: its default, what it means and what is possible."""
    yield "| key | default | meaning |\n|---|---|---|\n"
    for key, field in SECTIONS[section].model_fields.items():
        if section != "top level" or key not in OF_THEIR_OWN:
            yield f"| `{key}` | {_default(field)} | {_meaning(field)} |\n"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return ""
    value = field.get_default(call_default_factory=True)
    if isinstance(value, Section):
        value = value.given
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return f"`{json.dumps(value)}`"


def _meaning(field: FieldInfo) -> str:
    text = _one_line(field.description or "")
    choices = [f"`{json.dumps(value).strip(chr(34))}`" for value in literals(field.annotation)]
    return f"{text} One of {', '.join(choices)}." if choices else text


def _one_line(text: str) -> str:
    return " ".join(text.split())


def main() -> None:
    """Write both files."""
    readme = REPOSITORY / README
    for path, text in (
        (REPOSITORY / SCHEMA, schema_text()),
        (readme, readme_text(readme.read_text(encoding="utf-8"))),
    ):
        with atomic(path) as temporary:
            temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
