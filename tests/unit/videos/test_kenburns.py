"""Ken Burns clips: the crops' path, what they show, and photographs of every kind."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from unseen.videos import kenburns

EXIF_ORIENTATION = 0x0112


def gradient(width: int, height: int) -> Image.Image:
    """Red grows from left to right and green from top to bottom, each from 0 to 255."""
    red, green = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.dstack([red, green, 0 * red]).round().astype(np.uint8))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@given(
    width=st.integers(172, 1_500),
    height=st.integers(172, 1_500),
    frames=st.integers(1, 32),
    seed=st.integers(0, 2**32),
    crops=st.sampled_from(sorted(kenburns.CROPS)),
)
def test_the_path_is_a_line_of_squares_within_the_photograph(width, height, frames, seed, crops):
    path = kenburns.crop_path(width, height, frames=frames, size=112, rng=rng(seed), crops=crops)
    left, top, side = path.T
    assert path.shape == (frames, 3)
    assert (side >= 112).all()
    assert (side <= min(width, height)).all()
    assert left.min() >= 0
    assert top.min() >= 0
    assert (left + side <= width + 1e-9).all()
    assert (top + side <= height + 1e-9).all()
    if frames > 2:
        np.testing.assert_allclose(np.diff(path, n=2, axis=0), 0, atol=1e-9)


def test_place_and_size_of_both_ends_vary():
    for crops in kenburns.CROPS:
        ends = ends_of(300, 200, crops)
        assert ends[:, 2].min() == 112
        assert ends[:, 2].max() > 190
        assert ends[:, 0].max() > 150
        assert ends[:, 1].max() > 70


@pytest.mark.parametrize(
    ("crops", "mean_side", "percent"), [("place_first", 188, 12), ("side_first", 312, 32)]
)
def test_place_first_draws_smaller_crops_than_side_first(crops, mean_side, percent):
    """The mean side and the covered share, worked out apart from the code."""
    side = ends_of(683, 512, crops, draws=4000)[:, 2]
    assert side.mean() == pytest.approx(mean_side, rel=0.03)
    assert 100 * (side**2).mean() / (683 * 512) == pytest.approx(percent, abs=1)


def ends_of(width: int, height: int, crops: str, draws: int = 400) -> np.ndarray:
    """(2 * draws, 3): the first and the last crop of many paths."""
    return np.concatenate(
        [
            kenburns.crop_path(width, height, frames=2, size=112, rng=rng(seed), crops=crops)
            for seed in range(draws)
        ]
    )


def test_a_frame_shows_its_crop():
    photo = gradient(400, 300)
    clip = kenburns.render(photo, frames=5, size=112, rng=rng(3))
    path = kenburns.crop_path(400, 300, frames=5, size=112, rng=rng(3))
    assert clip.shape == (5, 112, 112, 3)
    assert clip.dtype == np.uint8
    for frame, (left, top, side) in zip(clip, path, strict=True):
        red, green = frame[..., 0].mean(), frame[..., 1].mean()
        assert red == pytest.approx(255 * (left + side / 2 - 0.5) / 399, abs=1)
        assert green == pytest.approx(255 * (top + side / 2 - 0.5) / 299, abs=1)


def test_the_same_randomness_gives_the_same_clip(tmp_path):
    gradient(300, 200).save(tmp_path / "photo.png")
    clips = [
        kenburns.render(tmp_path / "photo.png", frames=4, size=112, rng=rng(seed))
        for seed in (1, 1, 2)
    ]
    assert (clips[0] == clips[1]).all()
    assert (clips[0] != clips[2]).any()


def test_the_short_side_is_bounded_as_in_the_paper_and_in_proportion():
    assert kenburns.short_side_bounds(112) == (172, 512)
    assert kenburns.short_side_bounds(224) == (344, 1024)


@pytest.mark.parametrize(
    ("saved", "opened"),
    [
        ((1, 1), (172, 172)),
        ((20, 10), (344, 172)),
        ((400, 300), (400, 300)),
        ((2000, 1000), (1024, 512)),
        ((1000, 2000), (512, 1024)),
    ],
)
@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_photographs_tiny_and_huge(tmp_path, saved, opened, ending):
    gradient(*saved).save(tmp_path / f"photo.{ending}")
    photo = kenburns.open_photograph(tmp_path / f"photo.{ending}", 112)
    assert photo.size == opened
    assert kenburns.render(photo, frames=2, size=112, rng=rng()).shape == (2, 112, 112, 3)


@pytest.mark.parametrize(
    ("mode", "ending"),
    [("L", "jpg"), ("L", "png"), ("CMYK", "jpg"), ("P", "gif"), ("1", "png"), ("RGBA", "png")],
)
def test_every_mode_becomes_rgb(tmp_path, mode, ending):
    grey = Image.new("L", (200, 200), 255).convert(mode)
    grey.save(tmp_path / f"photo.{ending}")
    clip = kenburns.render(tmp_path / f"photo.{ending}", frames=2, size=112, rng=rng())
    assert clip.min() >= 253


def test_cmyk_keeps_its_colours(tmp_path):
    Image.new("RGB", (200, 200), (200, 40, 90)).convert("CMYK").save(tmp_path / "photo.jpg")
    clip = kenburns.render(tmp_path / "photo.jpg", frames=1, size=112, rng=rng())
    np.testing.assert_allclose(clip[0, 0, 0], (200, 40, 90), atol=4)


def test_sixteen_bit_greys_keep_their_upper_byte(tmp_path):
    Image.fromarray(np.full((200, 200), 0x8012, np.uint16)).save(tmp_path / "photo.png")
    clip = kenburns.render(tmp_path / "photo.png", frames=1, size=112, rng=rng())
    assert (clip == 0x80).all()


def test_transparency_turns_white(tmp_path):
    Image.new("RGBA", (200, 200), (0, 0, 0, 0)).save(tmp_path / "photo.png")
    assert kenburns.render(tmp_path / "photo.png", frames=1, size=112, rng=rng()).min() == 255


def test_an_exif_rotation_is_carried_out(tmp_path):
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = 6  # to be turned a quarter clockwise
    gradient(400, 300).save(tmp_path / "photo.jpg", exif=exif)
    upright = kenburns.open_photograph(tmp_path / "photo.jpg", 112)
    assert upright.size == (300, 400)
    red, green, _ = upright.getpixel((5, 5))
    assert red < 20
    assert green > 235


def broken(folder):
    """Paths that are no photographs, each with a word of the reason."""
    photo = folder / "whole.jpg"
    gradient(300, 200).save(photo)
    (folder / "cut.jpg").write_bytes(photo.read_bytes()[:1500])
    (folder / "text.jpg").write_text("not a photograph")
    (folder / "empty.jpg").touch()
    (folder / "folder.jpg").mkdir()
    gradient(2_000, 50).save(folder / "strip.png")
    return {
        "cut.jpg": "truncated",
        "text.jpg": "format",
        "empty.jpg": "empty",
        "folder.jpg": "directory",
        "strip.png": "too narrow",
        "absent.jpg": "not exist",
    }


def test_broken_photographs_are_refused_with_a_reason(tmp_path):
    for name, reason in broken(tmp_path).items():
        with pytest.raises(kenburns.PhotographError, match=reason):
            kenburns.open_photograph(tmp_path / name, 112)
