"""What a published classifier sees: the frames of `weights.transforms()`, to within 1 of 255."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from videos import write_video

from unseen.network.published import EFFICIENTNET, Published, published_classifiers
from unseen.videos.clip_store import ClipStore
from unseen.videos.loading import read_batch, to_network_input
from unseen.videos.settings import ClipSettings
from unseen.videos.shards import StoredClip, write_shard
from unseen.videos.transcoding import transcode

FRAMES = 4
MEAN_DIFFERENCE = 1.0
"""Of 255, over a clip's pixels: up to 0.65 here."""
SIZE = (1024, 512)
"""Scaled to any even side both sides are even: others differ by up to half a pixel, since the clip
store's frames have even sides."""


def natural_frames(size: tuple[int, int]) -> np.ndarray:
    """(L, H, W, 3) uint8 whose frequencies fall as 1 / f, as those of photographs do, and which
    move by two pixels a frame."""
    width, height = size
    rng = np.random.default_rng(0)
    down, along = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None]
    strength = 1 / np.maximum(np.hypot(down, along), 1 / max(size))
    channels = []
    for _ in range(3):
        noise = np.fft.fft2(rng.standard_normal((height, width)))
        field = np.fft.ifft2(noise * strength).real
        channels.append(128 + 50 * field / field.std())
    # Colours of photographs go together: most of what varies is brightness.
    shared = np.mean(channels, axis=0)
    image = np.stack([0.95 * shared + 0.05 * channel for channel in channels], axis=-1)
    pixels = image.clip(0, 255).astype(np.uint8)
    return np.stack([np.roll(pixels, 2 * frame, axis=1) for frame in range(FRAMES)])


def transforms_of(one: Published) -> torch.nn.Module:
    """The publisher's, without the stretching to a fixed size (128 x 171, 256 x 256)."""
    network, _, key = one.name.partition(":")
    transforms = torchvision.models.get_model_weights(network)[key].transforms()
    transforms.resize_size = [one.short_side]
    return transforms


def inputs() -> dict[str, Published]:
    """One classifier of each input that there is, without inception_v3: the centre of a frame is
    half a pixel off that of its odd crop, and torchvision rounds it the other way."""
    found = {}
    for one in published_classifiers().values():
        if one.name != EFFICIENTNET and one.crop % 2 == 0:
            transforms = transforms_of(one)
            kind = (
                one.short_side,
                one.crop,
                *one.mean,
                *one.std,
                str(transforms.interpolation),
                one.of_frames,
            )
            found.setdefault(kind, one)
    return {one.name: one for one in found.values()}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "a.mkv"
    return write_video(path, kind="h264_444", frames=natural_frames(SIZE), size=SIZE)


def decoded(path: Path) -> torch.Tensor:
    """(L, 3, H, W) uint8 RGB of the file."""
    import av

    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)


def seen(one: Published, path: Path, store: Path) -> torch.Tensor:
    """(3, L, crop, crop) of the file as the pipeline has it, without loss in the stored stream."""
    settings = ClipSettings(
        short_side=one.short_side, resampling=one.resampling, codec="h264", quality=0, min_frames=1
    )
    clip = transcode(path, settings=settings)
    write_shard(store, [StoredClip("a", "a", "", clip)], settings={"codec": "h264"}, listed=1)
    batch = read_batch(ClipStore([store]), [0], [np.arange(FRAMES)[None]])
    return to_network_input(batch, crop=one.crop, training=False, mean=one.mean, std=one.std)[0]


@pytest.mark.parametrize("one", inputs().values(), ids=inputs())
def test_the_input_is_torchvisions(one: Published, source: Path, tmp_path: Path) -> None:
    transforms = transforms_of(one)
    frames = decoded(source)
    if one.of_frames:
        expected = torch.stack([transforms(frame) for frame in frames], dim=1)
    else:
        expected = transforms(frames)
    found = seen(one, source, tmp_path / "a.h5")
    assert found.shape == expected.shape

    def difference(other: torch.Tensor) -> float:
        scale = torch.tensor(one.std).view(3, 1, 1, 1)
        return 255 * ((other - expected) * scale).abs().mean().item()

    print(f"{one.name}: {difference(found):.2f}")
    assert difference(found) <= MEAN_DIFFERENCE
    # The measure is a fine one: it would notice a place that is off by one pixel.
    assert difference(found.roll(1, dims=-1)) > 4 * MEAN_DIFFERENCE
