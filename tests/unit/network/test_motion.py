"""The simple opponent finds where a clip moves, and answers with the classes of its neighbours."""

import numpy as np
import pytest

from unseen.network.motion import CELLS, NEIGHBOURS, motion_map, nearest_mean


def clip(row: int, column: int, side: int = 28, frames: int = 4) -> np.ndarray:
    """I420 frames that blink in one cell of the map; the colours blink everywhere."""
    pictures = np.zeros((frames, side * 3 // 2, side), np.uint8)
    pictures[::2, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2] = 200
    pictures[::2, side:] = 90
    return pictures


@pytest.mark.parametrize("place", [(0, 0), (3, 11), (13, 13)])
def test_a_map_shows_where_the_brightness_changes(place):
    cells = motion_map(clip(*place)).reshape(CELLS, CELLS)
    assert cells[place] == 1 and cells.sum() == 1


def test_sides_that_the_cells_do_not_divide_are_covered():
    frames = np.zeros((2, 45, 47), np.uint8)
    frames[1, :30] = 8
    np.testing.assert_allclose(motion_map(frames), 1 / CELLS)


def test_what_stands_still_has_an_empty_map():
    assert not motion_map(np.full((3, 42, 28), 7, np.uint8)).any()
    assert not motion_map(np.full((1, 42, 28), 7, np.uint8)).any()


def test_an_embedding_is_the_mean_of_the_nearest():
    known = np.eye(30)[[0] * NEIGHBOURS + [1] * NEIGHBOURS + [2]]
    vectors = np.eye(3, dtype=np.float32)[[0] * 4 + [1] * 6 + [2] * (NEIGHBOURS + 1)]
    found = nearest_mean(np.eye(30)[:2], known, vectors)
    np.testing.assert_allclose(found, [[0.4, 0.6, 0], [0, 0, 1]])
