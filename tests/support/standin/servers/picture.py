"""A real PNG out of a prompt and a seed: shapes whose places and colours are their hash."""

from __future__ import annotations

import hashlib
import io
import random

from PIL import Image, ImageDraw


def picture(prompt: str, width: int, height: int, seed: int) -> bytes:
    """Draw a picture.

    Parameters
    ----------
    prompt, seed
        The same two give the same bytes.
    width, height
        In pixels.

    Returns
    -------
    bytes
        A PNG that says what it is, in its text chunks too.
    """
    chance = random.Random(hashlib.sha256(f"{prompt}\0{seed}".encode()).digest())
    colours = [tuple(chance.randrange(256) for _ in range(3)) for _ in range(8)]
    image = Image.new("RGB", (width, height), colours[0])
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        x, y = chance.randrange(width), chance.randrange(height)
        size = chance.randrange(max(2, min(width, height) // 8), max(3, min(width, height) // 3))
        shape = chance.choice((draw.ellipse, draw.rectangle))
        shape((x - size, y - size, x + size, y + size), fill=chance.choice(colours))
    draw.text((8, height - 18), "made by a stand-in", fill="white", stroke_width=1, stroke_fill=0)
    target = io.BytesIO()
    image.save(target, "PNG")
    return target.getvalue()
