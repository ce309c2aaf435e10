"""One notebook, typed as first users typed theirs: what each cell sends, says and leaves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.kernel import MODEL, Kernel, Serve
from support.scripted_ollama import ScriptedOllama

RUN = "get_ipython().run_line_magic"


@dataclass
class Cell:
    """A cell, and what is right.

    Attributes
    ----------
    code
        As it is typed.
    prompts
        The text of each prompt that it sends, in order.
    options, format, system
        Of the last one, where they are looked at.
    error
        Part of its error; empty where it has none.
    shown
        Part of what its last output shows.
    value
        An expression and its value afterwards.
    """

    code: str
    prompts: tuple[str, ...] = ()
    options: dict[str, Any] | None = None
    format: Any = None
    system: str | None = None
    error: str = ""
    shown: str = ""
    value: tuple[str, Any] | None = None


SCHEMA = {"properties": {"n": {"type": "integer"}}, "required": ["n"], "type": "object"}
CELLS = [
    Cell(
        "import json, pandas as pd, threading, mc_jupyter\n"
        "from dataclasses import dataclass\n"
        "from pydantic import BaseModel\n"
        "reviews = ['good', 'bad {{text}}']\ntext = 'GLOBAL'\n"
        "df = pd.DataFrame({'review': ['good', 'poor'], 'stars': [5, 1.25]})"
    ),
    Cell('%%ollama\nIs {{reviews[0]}} good? {"a": 1}', ('Is good good? {"a": 1}',)),
    Cell(
        "def classify(text):\n"
        f"    answer = %ollama run {MODEL} -t 0 Classify: {{{{text}}}}\n"
        "    return answer.data['n']\n"
        "got = [classify(review) for review in reviews]",
        ("Classify: good", "Classify: bad {{text}}"),
        options={"temperature": 0.0},
        value=("got", [1, 1]),
    ),
    Cell(
        f"got = [{RUN}('ollama', 'run {MODEL} {{{{r}}}}?').text for r in reviews]",
        ("good?", "bad {{text}}?"),
        value=("got", ['{"n": 1}'] * 2),
    ),
    Cell(
        f"got = list(map(lambda text: {RUN}('ollama', 'run {MODEL} {{{{text}}}}'), ['a', 'b']))",
        ("a", "b"),
        value=("len(got)", 2),
    ),
    Cell(
        "got = df.apply(lambda row: get_ipython().run_cell_magic('ollama', '--quiet',"
        " '{{row.review}}: {{row.stars:.1f}}').data['n'], axis=1)",
        ("good: 5.0", "poor: 1.2"),
        value=("list(map(int, got))", [1, 1]),
    ),
    Cell(
        "def each(prefix):\n"
        f"    return [{RUN}('ollama', 'run {MODEL} {{{{prefix}}}}{{{{r}}}}') for r in 'xy']\n"
        "got = each('p')",
        ("px", "py"),
    ),
    Cell(
        "class Judge:\n"
        "    rule = 'strict'\n"
        "    def ask(self, text):\n"
        f"        %ollama run {MODEL} {{{{self.rule}}}} {{{{text}}}}\n"
        "        return _answer.model\n"
        "got = Judge().ask('mine')",
        ("strict mine",),
        value=("got", MODEL),
    ),
    Cell(
        "def outer(case):\n"
        f"    return lambda: {RUN}('ollama', 'run {MODEL} {{{{text}}}}')\n"
        "outer('x')()",
        error="'text' may be the notebook's or a variable of outer, whose call",
    ),
    Cell(
        "def outer(case):\n"
        f"    return (lambda: {RUN}('ollama', 'run {MODEL} {{{{case}}}}'))()\n"
        "got = outer('seen')",
        ("seen",),
    ),
    Cell(
        f"def early():\n    got = %ollama run {MODEL} {{{{text}}}}\n    text = 1\nearly()",
        error="has no value now in early",
    ),
    Cell(
        "threads = [threading.Thread(target=classify, args=(name,)) for name in ['t1']]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]; None",
        ("Classify: t1",),
    ),
    Cell("p = 'Is {{case}} ok?'\nv = '{{text}}'"),
    Cell(
        "%%ollama\n{{p}}",
        ("Is {{case}} ok?",),
        shown="{{p}} holds {{case}}, which stays as it is",
    ),
    Cell("%%ollama\n{{mc_jupyter.fill(p, case='tea')}}", ("Is tea ok?",)),
    Cell(
        "%%ollama -s {{v}} --stop {{v}}\n{{v}}",
        ("{{text}}",),
        system="{{text}}",
        options={"stop": ["{{text}}"]},
    ),
    Cell("%%ollama\n{{len(df):,}} {{text!r}} {{12345.678:,.1f}}", ("2 'GLOBAL' 12,345.7",)),
    Cell("%%ollama\n{{df}}", ("review,stars\ngood,5.0\npoor,1.25\n",)),
    Cell("%%ollama\n{{input}}", error="no name 'input' here, but Python's own"),
    Cell("%%ollama\n{{tekst}}", error="no name 'tekst' here: did you mean 'text'?"),
    Cell("%%ollama --literal\n{{text}}", ("{{text}}",)),
    Cell(
        f"%ollama run {MODEL} -t 0.7 --num-predict 5 hi -t 3",
        ("hi -t 3",),
        options={"temperature": 0.7, "num_predict": 5},
    ),
    Cell(f"%ollama run {MODEL} -- -t 0.7 hi", ("-t 0.7 hi",)),
    Cell(f"%ollama run {MODEL} -5 and - 6", ("-5 and - 6",)),
    Cell(f'%ollama run -t 0 {MODEL} It\'s "me"', ('It\'s "me"',), options={"temperature": 0.0}),
    Cell(f"%ollama run {MODEL} -n 5 hi", error="no option -n: --num-predict N"),
    Cell(f"%ollama {MODEL} Hello", error=f"\n%ollama run {MODEL} Hello"),
    Cell("%%ollama --max-tokens 5\nhi", error="no option --max-tokens: --num-predict N"),
    Cell("%%ollama --response-format json\nhi", error="--format json"),
    Cell(
        f"%%ollama\nfirst\n\n%%ollama {MODEL}\nsecond",
        error=f"%%ollama\nfirst\n\n%%ollama {MODEL}\nsecond",
    ),
    Cell("%%ollama\nfirst\n%ollama list", error="%ollama below %%ollama"),
    Cell("%%ollama\n%timeit is what?\n%%nothing here", ("%timeit is what?\n%%nothing here",)),
    Cell("%%ollama --format json\nhi", ("hi",), format="json", value=("_answer.data", {"n": 1})),
    Cell(
        "class R(BaseModel):\n    n: int\n@dataclass\nclass D:\n    n: int\n"
        "schema = {'type': 'object', 'properties': {'n': {'type': 'integer'}}}\n"
        "json.dump(schema, open('schema.json', 'w'))"
    ),
    Cell("%%ollama --format R\nhi", ("hi",), format=SCHEMA, value=("_answer.data", {"n": 1})),
    Cell("%%ollama --format D\nhi", ("hi",), format=SCHEMA),
    Cell("%%ollama --format {{R.model_json_schema()}}\nhi", ("hi",), format=SCHEMA),
    Cell("%%ollama --format list[R]\nhi", ("hi",), format={"type": "array"}),
    Cell("%%ollama --format schema\nhi", ("hi",), format={"type": "object"}),
    Cell("%%ollama --format @schema.json\nhi", ("hi",), format={"type": "object"}),
    Cell('%%ollama --format \'{"type": "array"}\'\nhi', ("hi",), format={"type": "array"}),
    Cell("%%ollama --format jason\nhi", error="--format jason: "),
    Cell("%%ollama --format text\nhi", error="--format 'GLOBAL' is no JSON"),
    Cell(
        "def local():\n"
        "    class Local(BaseModel):\n"
        "        n: int\n"
        "    return get_ipython().run_cell_magic('ollama', '--format Local --out kept', 'hi')\n"
        "got = local()",
        ("hi",),
        format=SCHEMA,
        value=("kept.data", {"n": 1}),
    ),
]


def test_every_cell_sends_and_says_what_is_right(
    kernel: Kernel, serve: Serve, tmp_path: Path
) -> None:
    assert len(CELLS) >= 40
    server = serve(tokens=['{"n"', ": 1}"])
    assert not kernel.run(f"import os; os.chdir({str(tmp_path)!r})").error
    kernel.run(f"%ollama use {MODEL} --format json --host {server.url}")
    for cell in CELLS:
        _check(kernel, server, cell)


def _check(kernel: Kernel, server: ScriptedOllama, cell: Cell) -> None:
    before = len(server.asked("/api/chat"))
    got = kernel.run(cell.code)
    if cell.error:
        assert cell.error in got.error, f"{cell.code}\n{got.error}"
    else:
        assert not got.error, f"{cell.code}\n{got.error}"
    bodies = [request.body for request in server.asked("/api/chat")[before:]]
    assert tuple(body["messages"][-1]["content"] for body in bodies) == cell.prompts, cell.code
    if cell.options is not None:
        assert bodies[-1]["options"] == cell.options, cell.code
    if cell.system is not None:
        assert bodies[-1]["messages"][0] == {"role": "system", "content": cell.system}
    if isinstance(cell.format, dict):
        assert {k: v for k, v in _plain(bodies[-1]["format"]).items() if k in cell.format} == (
            cell.format
        ), cell.code
    elif cell.prompts:
        assert bodies[-1]["format"] == "json", cell.code
    if cell.shown:
        assert cell.shown in got.last["data"]["text/html"], got.last
    if cell.value is not None:
        expression, value = cell.value
        assert kernel.value(expression) == value, cell.code


def _plain(schema: Any) -> Any:
    """A schema without the titles that pydantic writes."""
    if not isinstance(schema, dict):
        return schema
    return {name: _plain(value) for name, value in schema.items() if name != "title"}


def test_broken_json_raises_what_to_set(kernel: Kernel, serve: Serve) -> None:
    server = serve(tokens=['{"n": ', "1"])
    got = kernel.run(f"%%ollama {MODEL} --host {server.url} --format json\nhi")
    assert not got.error
    assert "not valid JSON" in got.last["data"]["text/html"]
    got = kernel.run("_answer.data['n']")
    assert f"DataError: the answer of {MODEL} is not valid JSON" in got.error
    assert kernel.value("_answer.text") == '{"n": 1'


def test_default_format_is_the_object_of_its_time(kernel: Kernel, serve: Serve) -> None:
    server = serve(tokens=["[]"])
    kernel.run("schema = {'type': 'array'}")
    kernel.run(f"%ollama use {MODEL} --format schema --host {server.url}")
    kernel.run("schema = 5")
    assert not kernel.run("%%ollama\nhi").error
    assert server.asked("/api/chat")[-1].body["format"] == {"type": "array"}
    assert kernel.value("_answer.data") == []
