"""What a call of Snakemake shows."""

import os
from types import SimpleNamespace

import pytest
from snakemake.settings.types import Quietness

from unseen.plan import calls


@pytest.mark.parametrize(("quiet", "disabled"), [(None, ""), ({Quietness.ALL}, "1")])
def test_the_jobs_of_a_quiet_call_show_no_progress(
    quiet: set[Quietness] | None, disabled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TQDM_DISABLE", "")
    settings = SimpleNamespace(quiet=quiet, verbose=False)
    calls.speak_plainly(SimpleNamespace(output_settings=settings))
    assert os.environ["TQDM_DISABLE"] == disabled
