"""Width and height of pictures as they are seen, and what browsers do not show."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest
from support import media as made_here

from mc_jupyter.clients.content import Content
from mc_jupyter.lab.made import Made
from mc_jupyter.lab.media import Gallery, Picture, show
from mc_jupyter.lab.media.dimensions import dimensions

DATA = Path(__file__).parents[1] / "data"
HEIC = (DATA / "h.heic").read_bytes()  # 200 x 100


def tiff(orientation: int, order: str = "<", more: bytes = b"") -> bytes:
    """A directory with the sizes 200 and 100 and an orientation."""
    start = b"II*\0" if order == "<" else b"MM\0*"
    tags = struct.pack(f"{order}HHIHxx", 256, 3, 1, 200)
    tags += struct.pack(f"{order}HHIHxx", 257, 3, 1, 100)
    tags += struct.pack(f"{order}HHIHxx", 274, 3, 1, orientation)
    return start + struct.pack(f"{order}IH", 8, 3) + tags + bytes(4) + more


def jpeg(exif: bytes) -> bytes:
    """The JPEG of 7 x 5 with a segment of EXIF."""
    segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 8) + b"Exif\0\0" + exif
    return made_here.JPEG[:2] + segment + made_here.JPEG[2:]


def png(exif: bytes) -> bytes:
    raw = made_here.png()
    check = zlib.crc32(b"eXIf" + exif)
    chunk = struct.pack(">I", len(exif)) + b"eXIf" + exif + struct.pack(">I", check)
    return raw[:33] + chunk + raw[33:]  # behind IHDR


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_turned_picture_has_the_size_that_is_seen(orientation: int, order: str) -> None:
    is_on_side = orientation >= 5
    exif = tiff(orientation, order)
    assert dimensions(jpeg(exif)) == ((5, 7) if is_on_side else (7, 5))
    assert dimensions(png(exif)) == ((5, 7) if is_on_side else (7, 5))
    assert dimensions(exif) == ((100, 200) if is_on_side else (200, 100))


def test_a_photo_of_a_phone_is_shown_upright() -> None:
    photo = show(Content((DATA / "rot6.jpg").read_bytes(), "image/jpeg"), Made("answer"))
    assert isinstance(photo, Picture)
    assert (photo.width, photo.height) == (100, 200)
    assert 'width="100" height="200"' in photo.html()


@pytest.mark.parametrize(
    "exif",
    [
        b"",
        b"II*\0",
        b"no tiff at all",
        b"II*\0" + struct.pack("<I", 0xFFFFFFFF),
        b"II*\0" + struct.pack("<IH", 8, 0xFFFF) + bytes(60_000),
        tiff(0),
        tiff(9),
        tiff(6)[:20],
    ],
)
def test_broken_exif_turns_nothing(exif: bytes) -> None:
    assert dimensions(jpeg(exif)) == (7, 5)
    assert dimensions(png(exif)) == (7, 5)


def test_exif_behind_a_large_thumbnail_is_read() -> None:
    photo = Picture(Content(jpeg(tiff(6, more=bytes(65_000))), "image/jpeg"), Made("answer"))
    assert (photo.width, photo.height) == (5, 7)


def heif(brand: bytes, turn: int | None = None) -> bytes:
    def box(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I4s", len(body) + 8, kind) + body

    tile = box(b"ispe", struct.pack(">III", 0, 512, 512))
    whole = box(b"ispe", struct.pack(">III", 0, 4032, 3024))
    turned = box(b"irot", bytes([turn])) if turn is not None else b""
    meta = box(b"meta", bytes(4) + box(b"iprp", box(b"ipco", tile + whole + turned)))
    return box(b"ftyp", brand + bytes(4) + b"mif1" + brand) + meta


@pytest.mark.parametrize("brand", [b"heic", b"mif1", b"avif"])
def test_heic_and_avif_have_the_size_of_the_whole(brand: bytes) -> None:
    assert dimensions(heif(brand)) == (4032, 3024)
    assert dimensions(heif(brand, 2)) == (4032, 3024)
    assert dimensions(heif(brand, 1)) == dimensions(heif(brand, 3)) == (3024, 4032)
    for length in range(len(heif(brand))):
        assert dimensions(heif(brand)[:length]) in (None, (4032, 3024), (512, 512))


@pytest.mark.parametrize(
    ("raw", "kind", "name"),
    [(HEIC, "image/heic", "heic"), (tiff(1), "image/tiff", "tiff"), (HEIC, "image/heif", "heif")],
)
def test_what_browsers_do_not_show_is_said(raw: bytes, kind: str, name: str) -> None:
    picture = show(Content(raw, kind), Made("answer"))
    assert isinstance(picture, Picture)
    html = picture._repr_mimebundle_()[0]["text/html"]
    words = f"browsers do not show {name}: save it as x.{name}"
    assert words in html
    assert "<img" not in html
    assert "200 × 100" in html
    gallery = Gallery([picture, picture]).html()
    assert "<img" not in gallery
    assert words in gallery


def test_a_large_one_that_is_not_shown_is_linked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    html = show(Content(HEIC, "image/heic"), Made("answer"), inline_limit=10).html()
    (file,) = (tmp_path / "mc-media").iterdir()
    assert f'href="mc-media/{file.name}"' in html
    assert "browsers do not show heic" in html


def test_bytes_decide_where_the_service_names_no_type() -> None:
    unknown = "application/octet-stream"
    assert isinstance(show(Content(HEIC, unknown), Made("answer")), Picture)
    assert show(Content(made_here.png(), ""), Made("answer")).content_type == "image/png"
    assert show(Content(b"PK\x03\x04", unknown), Made("answer")).content_type == unknown
