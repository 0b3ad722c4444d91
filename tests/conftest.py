"""Scripts that a test starts by themselves find the library, as with an installed one; of several
processes one has the tests of Slurm, since a machine can have one Slurm.
"""

import os
from typing import Any

import pytest
from repository import SOURCE
from xdist.scheduler import LoadScopeScheduling

os.environ["PYTHONPATH"] = str(SOURCE)


class OneSlurm(LoadScopeScheduling):
    """Each test goes to whichever process is free, those of Slurm together."""

    def _split_scope(self, nodeid: str) -> str:
        return "slurm" if nodeid.startswith("tests/slurm/") else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneSlurm:
    return OneSlurm(config, log)
