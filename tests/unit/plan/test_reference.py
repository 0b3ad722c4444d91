"""The schema and the documentation say what the settings' types say."""

import jsonschema
import pytest
import yaml
from repository import REPOSITORY

from unseen.base.settings import Section
from unseen.plan import reference


def test_the_schema_is_that_of_the_types() -> None:
    text = (REPOSITORY / reference.SCHEMA).read_text(encoding="utf-8")
    assert text == reference.schema_text(), "make reference"


def test_the_documentation_is_that_of_the_types() -> None:
    text = (REPOSITORY / reference.README).read_text(encoding="utf-8")
    assert text == reference.readme_text(text), "make reference"
    for section in reference.SECTIONS:
        assert f"<!-- keys: {section} -->\n\n| key |" in text


@pytest.mark.parametrize("name", ["config", "paper", "overlap", "recipe"])
def test_the_shipped_configurations_fit_the_schema(name: str) -> None:
    values = yaml.safe_load((REPOSITORY / f"config/{name}.yaml").read_text())
    jsonschema.validate(values, reference.schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(values | {"clips": {"gop": 0}}, reference.schema())


@pytest.mark.parametrize("section", reference.SECTIONS.values(), ids=reference.SECTIONS)
def test_every_key_is_described(section: type[Section]) -> None:
    assert all(field.description for field in section.model_fields.values())
