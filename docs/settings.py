"""Write the tables of docs/settings.md from the table in mc_jupyter/settings.py."""

from __future__ import annotations

from pathlib import Path

from mc_jupyter.settings import SETTINGS, Setting

PAGE = Path(__file__).with_name("settings.md")
MARKS = ("<!-- settings -->", "<!-- end of settings -->")


def table() -> str:
    """Return the table of all settings, in Markdown."""
    head = (
        "| setting | takes | default | variable | `%config` | what it does |\n" + "|---" * 6 + "|"
    )
    return "\n".join([head, *map(_row, SETTINGS)])


def _row(setting: Setting) -> str:
    default = f"`{setting.default}`" if setting.default else ""
    config = f"`McJupyter.{setting.name}`" if setting.is_config else ""
    cells = (f"`{setting.name}`", _takes(setting), default, f"`{setting.variable}`", config)
    return f"| {' | '.join((*cells, setting.text))} |"


def _takes(setting: Setting) -> str:
    if setting.choices:
        return ", ".join(f"`{word}`" for word in setting.choices)
    unit = " bytes" if setting.kind == "size" else ""
    most = f", at most {setting.most:,}{unit}" if setting.most is not None else ""
    return {"size": "a size", "number": "a number"}.get(setting.kind, setting.kind) + most


def page(text: str) -> str:
    """Return the page with the table of now in it."""
    before, rest = text.split(MARKS[0])
    return f"{before}{MARKS[0]}\n{table()}\n{MARKS[1]}{rest.split(MARKS[1])[1]}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
