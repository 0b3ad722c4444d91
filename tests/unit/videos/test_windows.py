"""Windows of a long video hold the frames of their own seconds, at any rate."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from unseen.videos.sampling import frames_at_rate
from unseen.videos.windows import duration, windows

STEPS = st.lists(st.sampled_from([0.02, 0.033, 0.04, 0.1, 0.333, 1.0]), min_size=1, max_size=200)


@given(STEPS, st.none() | st.floats(0.05, 20), st.none() | st.floats(0.05, 20))
def test_windows_cover_a_video_and_have_one_length(steps, window_s, stride_s):
    times = np.cumsum([0, *steps])
    found = windows(times, window_s, stride_s)
    end_s = duration(times)
    assert found[0].start_s == 0 and abs(found[-1].end_s - end_s) < 2e-3
    assert len({round(part.end_s - part.start_s, 6) for part in found}) == 1
    assert all(0 <= part.first < part.last <= len(times) for part in found)
    for part in found:
        shown = times[part.first : part.last]
        if len(shown) > 1:
            assert part.start_s - 2e-3 <= shown[0] and shown[-1] < part.end_s + 2e-3


@given(STEPS, st.sampled_from([1.0, 5.0, 15.0, 30.0]))
def test_frames_at_a_rate_are_those_on_screen(steps, rate):
    times = np.cumsum([0, *steps])
    chosen = frames_at_rate(times, rate)
    assert chosen[0] == 0 and (np.diff(chosen) >= 0).all() and chosen[-1] < len(times)
    ticks = np.arange(len(chosen)) / rate
    assert (times[chosen] <= ticks + 2e-3).all()
    later = np.append(times, np.inf)[chosen + 1]
    assert (later > ticks - 2e-3).all()
    assert len(frames_at_rate(times, None)) == len(times)
