"""Which device is picked."""

from pathlib import Path

import pytest
import torch

from unseen.base import devices
from unseen.base.errors import UserError


def test_each_takes_what_nobody_has_claimed(tmp_path: Path, monkeypatch) -> None:
    """The last, with nothing left, shares the first; what is given back can be claimed again."""
    claimed: list = []
    monkeypatch.setattr(devices, "_CLAIMED", claimed)
    assert [devices.claim(["one", "two"], tmp_path) for _ in range(3)] == [0, 1, 0]
    claimed.pop().close()
    assert devices.claim(["one", "two"], tmp_path) == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_an_absent_gpu_is_named() -> None:
    with pytest.raises(UserError, match="PyTorch sees no GPU"):
        devices.pick_device("cuda")
    assert devices.pick_device("auto") == torch.device("cpu")
