"""A waveform as a small picture: a few hundred points in an SVG of its own."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from ...html import Html
from .words import duration_text

COLUMNS = 160
_WIDTH, _HEIGHT = 480, 48
_COLOUR = "#1e7bd6"  # 4:1 or more against white and against the dark theme's ground
_SILENT = 0.001  # of full scale


def waveform(peaks: Sequence[float]) -> str:
    """Return a data URI of the waveform.

    Parameters
    ----------
    peaks
        The largest value of each column, 0 to 1; the loudest fills the height.
    """
    middle, loudest = _HEIGHT / 2, max(max(peaks), _SILENT)
    heights = [max(0.5, min(1.0, peak / loudest) * (middle - 1)) for peak in peaks]
    step = _WIDTH / len(peaks)
    bars = "".join(
        f"M{round((i + 0.5) * step, 1):g} {round(middle - h, 1):g}v{round(2 * h, 1):g}"
        for i, h in enumerate(heights)
    )
    svg = Html(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}">'
        '<path d="{}" stroke="{}" stroke-width="{}"/></svg>'
    ).format(_WIDTH, _HEIGHT, bars, _COLOUR, f"{round(step * 0.7, 1):g}")
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def described(peaks: Sequence[float], duration: float | None) -> str:
    """Return the waveform in words, for who does not see it.

    Parameters
    ----------
    peaks
        As above.
    duration
        Seconds; None where it is not known.
    """
    loudest = max(peaks)
    of = f" of {duration_text(duration)}" if duration else ""
    if loudest < _SILENT:
        return f"Waveform{of}: silence"
    at = peaks.index(loudest) / len(peaks)
    where = f"at {duration_text(at * duration)}" if duration else f"after {at:.0%}"
    quiet = sum(peak < loudest * 0.05 for peak in peaks) / len(peaks)
    pauses = f", {quiet:.0%} of it quiet" if quiet >= 0.05 else ""
    return f"Waveform{of}: loudest {where}{pauses}"
