"""The line that makes a file of another format."""

from __future__ import annotations

from pathlib import Path


def converted(verb: str, target: Path, suffix: str) -> str:
    """Return the line that makes a file of another format; empty where there is none.

    Parameters
    ----------
    verb
        Of ``%ffmpeg``.
    target
        The file; its suffix is the format.
    suffix
        Of what is there: the service does not read everything.
    """
    from ...clients.ffmpeg_options import OPTIONS
    from ...clients.parts import READ

    ending = target.suffix.removeprefix(".").lower()
    if ending not in OPTIONS[verb]["format"].choices or suffix not in (*READ, ".pcm"):
        return ""
    graph = ' --graph "[0:v]null[final_video]"' if verb == "filter" else ""
    return f"%ffmpeg {verb} VARIABLE --format {ending}{graph} --save {target.name}"
