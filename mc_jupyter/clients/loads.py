"""JSON as services send it, read so that nothing of it breaks what shows or saves it."""

from __future__ import annotations

import json
import re
from typing import Any

_HALF = re.compile(r"\\u[dD][89a-fA-F]")


def loads(raw: bytes | str) -> Any:
    """Return a JSON value.

    Half a surrogate pair (``\\ud83d``, a picture cut in two) becomes ``?``, for no message to the
    notebook can hold it; NaN and the infinities, which JSON has not, become None.

    Raises
    ------
    ValueError
        It is no JSON, or it nests deeper than Python goes.
    """
    text = raw if isinstance(raw, str) else raw.decode("utf-8-sig", "replace")
    try:
        if _HALF.search(text):  # whole pairs become the letter that they mean
            whole = json.dumps(json.loads(text), ensure_ascii=False)
            text = whole.encode("utf-8", "replace").decode()
        return json.loads(text, parse_constant=lambda _: None)
    except RecursionError as error:
        raise ValueError("it nests too deeply") from error
