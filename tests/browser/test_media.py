"""Media in JupyterLab: in the notebook or beside it, it plays, also where it is not trusted."""

from __future__ import annotations

import json
import re

from playwright.sync_api import expect
from support.lab import Notebook, Open
from support.lab_server import Lab
from support.media import png, tone

_SETUP = """%load_ext mc_jupyter
from pathlib import Path
from mc_jupyter.clients.content import Content
from mc_jupyter.lab.made import Made
from mc_jupyter.lab.media import *
sound = Content(Path("tone.wav").read_bytes(), "audio/wav")
image = Content(Path("picture.png").read_bytes(), "image/png")"""
CELLS = [
    _SETUP,
    "Audio(sound, Made('speech'))",
    "Audio(sound, Made('speech'), inline_limit=10)",
    "Gallery([Picture(image, Made('frame'))] * 2)",
    "Picture(image, Made('picture'), inline_limit=10)",
    "File(Content(b'PK' * 50, 'application/zip'), Made('file'), inline_limit=10)",
]
_PLAY = """async audio => {
  audio.muted = true;
  await audio.play();
  audio.currentTime = 1.5;
  await new Promise(done => audio.addEventListener('ended', done, {once: true}));
  return audio.duration;
}"""


def _all_is_there(book: Notebook) -> None:
    for cell in (1, 2):
        waveform = book.outputs(cell).get_by_role("img")
        expect(waveform).to_have_accessible_name(
            re.compile(r"Waveform of 2\.0 s: loudest at \d\.\d+ s")
        )
        # to the end, from a place in the middle: what came is the whole file
        assert book.outputs(cell).locator("audio").evaluate(_PLAY) == 2
    for cell, count in ((3, 2), (4, 1)):
        pictures = book.outputs(cell).get_by_role("img")
        expect(pictures).to_have_count(count)
        loaded = "img => img.decode().then(() => [img.naturalWidth, img.naturalHeight])"
        assert pictures.last.evaluate(loaded) == [64, 48]
    link = book.outputs(2).get_by_role("link")
    (file,) = (book.lab.root / "mc-media").glob("speech-*.wav")
    expect(link).to_have_text(f"mc-media/{file.name}")


def test_media_is_shown_and_plays(lab: Lab, open_notebook: Open) -> None:
    (lab.root / "tone.wav").write_bytes(tone(2.0))
    (lab.root / "picture.png").write_bytes(png(64, 48))
    book = open_notebook(CELLS)
    book.run_all()
    _all_is_there(book)
    with book.page.expect_download() as download:
        book.outputs(5).get_by_role("link").click()
    assert download.value.path().read_bytes() == b"PK" * 50
    book.save()
    saved = book.saved()
    saved["cells"][1]["outputs"][0]["metadata"]["changed"] = True  # so the signature is not its own
    book.file.write_text(json.dumps(saved))
    book.reopen(kernel=False)
    trusted = "path => mcj.panel(path).content.model.cells.get(1).trusted"
    assert book.page.evaluate(trusted, book.name) is False
    _all_is_there(book)
    book.outputs(2).get_by_role("link").click()
    expect(book.page.locator(".jp-AudioViewer audio")).to_be_visible()
