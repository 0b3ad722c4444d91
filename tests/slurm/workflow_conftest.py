"""The fixtures of tests/workflow under a name of their own."""

import importlib.util
import sys
from pathlib import Path

_path = Path(__file__).resolve().parents[1] / "workflow/conftest.py"
_spec = importlib.util.spec_from_file_location("workflow_fixtures", _path)
_module = importlib.util.module_from_spec(_spec)
sys.modules["workflow_fixtures"] = _module
_spec.loader.exec_module(_module)
globals().update({name: value for name, value in vars(_module).items() if name[0] != "_"})
