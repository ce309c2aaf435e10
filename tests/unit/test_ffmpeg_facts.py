"""What ffprobe found, in the API's words: the size of a video as it is seen."""

from __future__ import annotations

from typing import Any

import pytest

from mc_jupyter.bundled.ffmpeg.ffmpeg_server import facts


def probed(**more: Any) -> dict[str, Any]:
    return {"streams": [{"codec_type": "video", "width": 160, "height": 120, **more}]}


def matrix(turn: Any) -> dict[str, Any]:
    return {"side_data_list": [{"side_data_type": "Display Matrix", "rotation": turn}]}


@pytest.mark.parametrize(
    ("more", "size"),
    [
        ({}, (160, 120)),
        (matrix(-90), (120, 160)),
        (matrix(90), (120, 160)),
        (matrix(270), (120, 160)),
        (matrix(-270), (120, 160)),
        (matrix(180), (160, 120)),
        (matrix(0), (160, 120)),
        (matrix("nan"), (160, 120)),
        ({"tags": {"rotate": "90"}}, (120, 160)),
        ({"tags": {"rotate": "180"}}, (160, 120)),
        ({"side_data_list": [{"side_data_type": "CPB properties"}]}, (160, 120)),
    ],
)
def test_a_turned_video_has_the_size_that_is_seen(
    more: dict[str, Any], size: tuple[int, int]
) -> None:
    found = facts.metadata(probed(**more))
    assert (found["width"], found["height"]) == size
    headers = facts.video_headers(probed(**more), 1)
    assert (headers["X-Video-Width"], headers["X-Video-Height"]) == tuple(map(str, size))


def test_what_has_no_video_has_no_size() -> None:
    assert facts.metadata({"streams": []})["width"] is None
    assert facts.video_headers({"streams": []}, 1)["X-Video-Width"] == ""
