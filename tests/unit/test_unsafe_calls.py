"""What could run a file's content stands in a short list, each with its reason."""

import ast
from collections.abc import Iterator

import pytest
from repository import REPOSITORY, SCRIPTS, SOURCE

ALLOWED = {
    ("src/unseen/base/run_stage.py", "runpy.run_path"): "a stage's own script",
    ("src/unseen/classes/sentence_encoder.py", "?.from_pretrained"): "safetensors alone",
    ("src/unseen/classes/sentence_encoder.py", "sentence_transformers.SentenceTransformer"): (
        "a local folder that has been looked at: safetensors and the package's own code alone"
    ),
    ("src/unseen/network/dual_model.py", "transformers.AutoModel.from_pretrained"): (
        "a local folder that has been looked at: safetensors and the package's own code alone"
    ),
    ("src/unseen/network/dual_model.py", "transformers.AutoTokenizer.from_pretrained"): (
        "a local folder's tables of words"
    ),
    ("src/unseen/network/tensor_file.py", "safetensors.torch.load"): "numbers and JSON alone",
    ("src/unseen/network/training.py", "run.checkpoint.load"): "of `Checkpoint`: safetensors",
    ("src/unseen/network/weight_files.py", "torch.load"): "with weights_only",
    ("src/unseen/prediction/__init__.py", "importlib.import_module"): "a fixed name",
    **{
        ("src/unseen/videos/decoder_process.py", f"pickle.{name}"): "what an own child answers"
        for name in ("dumps", "loads", "PickleBuffer")
    },
}
RUNNING = {
    *("load", "loads", "Unpickler", "read_pickle", "get_state_dict", "load_state_dict_from_url"),
    *("from_pretrained", "SentenceTransformer", "load_facebook_model", "load_facebook_vectors"),
    *("run_path", "run_module", "import_module", "exec_module", "unsafe_load", "full_load"),
}
"""Last parts of the names of functions that run what they read, or may do so."""
RUNNING_TEXT = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen"),
    *("subprocess.getoutput", "subprocess.getstatusoutput"),
}
"""Full names of functions that run a text."""
HARMLESS = {"json.load", "json.loads", "tomllib.load", "tomllib.loads"}
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
HARMLESS_NAMES = {"pickle.PROTO", "pickle.UnpicklingError"}
KEYWORDS = {"shell": False, "allow_pickle": False, "trust_remote_code": False, "weights_only": True}
"""The only values that these may have."""


def unsafe(text: str) -> Iterator[str]:
    """The calls of a module's text that may run a file's content, by their full names."""
    tree = ast.parse(text)
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name if alias.asname else alias.name.partition(".")[0]
                names[alias.asname or first] = first
        elif isinstance(node, ast.ImportFrom):
            names |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    for node in ast.walk(tree):
        full = _full_name(node, names)
        if (
            full.partition(".")[0] in MODULES
            and full.count(".") == 1
            and full not in HARMLESS_NAMES
        ):
            yield full
        if isinstance(node, ast.Call):
            full = _full_name(node.func, names)
            own = full in HARMLESS or full.startswith("unseen.")
            if full in RUNNING_TEXT or (full.rpartition(".")[2] in RUNNING and not own):
                yield full
            for keyword in node.keywords:
                if keyword.arg in KEYWORDS and not _is(keyword.value, KEYWORDS[keyword.arg]):
                    yield f"{full}({keyword.arg})"
            if full == "torch.load" and "weights_only" not in {k.arg for k in node.keywords}:
                yield "torch.load without weights_only"


def _full_name(node: ast.AST, names: dict[str, str]) -> str:
    """The dotted name of an expression; what is no name is a `?` in it."""
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        return f"{_full_name(node.value, names)}.{node.attr}"
    return "?"


def _is(node: ast.expr, value: bool) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def test_only_what_is_listed_may_run_a_files_content() -> None:
    found = {
        (str(path.relative_to(REPOSITORY)), name)
        for folder in (SOURCE, SCRIPTS)
        for path in folder.rglob("*.py")
        for name in unsafe(path.read_text(encoding="utf-8"))
    }
    assert found == set(ALLOWED)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("import torch as t\nt.load(path, weights_only=False)", "torch.load(weights_only)"),
        ("from torch import load\nload(path)", "torch.load without weights_only"),
        ("import numpy as np\nnp.load(path, allow_pickle=True)", "numpy.load"),
        (
            "import numpy as np\nnp.genfromtxt(p, allow_pickle=True)",
            "numpy.genfromtxt(allow_pickle)",
        ),
        ("from pickle import loads as read\nread(data)", "pickle.loads"),
        ("import pickle\nread = pickle.load", "pickle.load"),
        (
            "from gensim.models import KeyedVectors as K\nK.load(p)",
            "gensim.models.KeyedVectors.load",
        ),
        ("import joblib\njoblib.load(path)", "joblib.load"),
        ("AutoModel.from_pretrained(folder)", "AutoModel.from_pretrained"),
        ("M.make(f, trust_remote_code=yes)", "M.make(trust_remote_code)"),
        ("import yaml\nyaml.load(stream)", "yaml.load"),
        ("eval(text)", "eval"),
        ("exec(text)", "exec"),
        ("import os\nos.system(text)", "os.system"),
        ("import subprocess as s\ns.run(text, shell=True)", "subprocess.run(shell)"),
        ("weights.get_state_dict()", "weights.get_state_dict"),
    ],
)
def test_the_walk_finds(text: str, name: str) -> None:
    assert name in set(unsafe(text))
