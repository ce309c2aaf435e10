"""Our edits to a model, and what the engine's answers come to."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.specs import TOOLS, spec

from mc_jupyter.errors import (
    DiskFullError,
    EngineUnavailableError,
    ImageUnavailableError,
    ManifestError,
    MediaConduitError,
    StartError,
)
from mc_jupyter.runtimes.base import Spec
from mc_jupyter.runtimes.compose import detect, failures, labels, look
from mc_jupyter.runtimes.compose.model import Model, edit
from mc_jupyter.runtimes.compose.read import Source, locate

GPU = {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}


def edited(
    folder: Path,
    service: dict[str, Any],
    wanted: Spec | None = None,
    tools: detect.Tools = TOOLS,
    **top: Any,
) -> Model:
    raw = {"name": "x", "services": {"web": {"image": "x:1", **service}}, **top}
    source = Source(folder / "docker-compose.yml", folder.resolve())
    return edit(raw, wanted or spec(folder), source, tools)


def test_names_ports_labels_and_init(tmp_path: Path) -> None:
    ports = [
        {"target": 9000, "published": "9000", "protocol": "tcp", "host_ip": "0.0.0.0"},
        {"target": 80, "protocol": "tcp"},
    ]
    model = edited(
        tmp_path,
        {"container_name": "fixed", "ports": ports, "x-odd": 1, "labels": {"a": "b"}},
        **{"x-top": {}, "networks": {"n": {"name": "fixed"}, "default": None}},
    )
    web = model.services["web"]
    assert not {"container_name", "x-odd"} & set(web)
    assert "x-top" not in model.document
    assert [(port["host_ip"], port["published"]) for port in web["ports"]] == [
        ("127.0.0.1", "0"),
        ("127.0.0.1", "0"),
    ]
    assert (web["init"], web["pull_policy"]) == (True, "never")
    assert web["labels"]["a"] == "b"
    assert web["labels"][labels.PROJECT] == "mcj-me-web-11111111"
    assert web["labels"][labels.IDENTIFIER] == "github:me/web-service"
    assert web["labels"][labels.REF] == "HEAD"
    assert web["labels"][labels.MODEL] == model.digest
    networks = model.document["networks"]
    assert networks["n"]["name"] == "mcj-me-web-11111111_n"
    assert networks["default"]["name"] == "mcj-me-web-11111111_default"


def test_labels_of_ours_cannot_be_forged(tmp_path: Path) -> None:
    web = edited(tmp_path, {"labels": {labels.COMMIT: "forged"}}).services["web"]
    assert labels.COMMIT not in web["labels"]


def test_an_init_of_its_own_is_kept(tmp_path: Path) -> None:
    assert edited(tmp_path, {"init": False}).services["web"]["init"] is False


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        ("", "80"),
        ("  ports: [9000]\n", "9000"),
        ("  ports: [8005]\n", "8880"),
        ("  ports: [1]", "80"),
    ],
)
def test_the_port_that_answers(tmp_path: Path, manifest: str, expected: str) -> None:
    ports = [
        {"target": 9000, "published": "0", "protocol": "tcp"},
        {"target": 8880, "published": "8005", "protocol": "tcp"},
        {"target": 80, "protocol": "tcp"},
        {"target": 53, "protocol": "udp"},
    ]
    model = edited(tmp_path, {"ports": ports}, spec(tmp_path, manifest))
    assert model.services["web"]["labels"][labels.PORT] == expected


def test_environment_from_three_places(tmp_path: Path) -> None:
    wanted = spec(
        tmp_path,
        "  environment: {A: manifest, B: manifest, C: manifest}\n",
        environment={"A": "typed $1"},
    )
    own = {"A": "file", "B": "file", "FROM_THE_KERNEL": None}
    web = edited(tmp_path, {"environment": own}, wanted).services["web"]
    assert web["environment"] == {"A": "typed $$1", "B": "file", "C": "manifest"}


def test_a_wished_host_port_is_kept(tmp_path: Path) -> None:
    ports = [{"target": 80, "published": "8123", "protocol": "tcp"}]
    wanted = spec(tmp_path, environment={"WEB_HOST_PORT": "8123"})
    web = edited(tmp_path, {"ports": ports}, wanted).services["web"]
    assert web["ports"][0]["published"] == "8123"


def test_volumes_are_of_the_source(tmp_path: Path) -> None:
    model = edited(
        tmp_path,
        {"volumes": [{"type": "volume", "source": "data", "target": "/d"}]},
        spec(tmp_path, '  volumes: ["data:/d", "more:/more:ro"]\n'),
        volumes={"data": {"name": "fixed", "driver": "local"}},
    )
    assert model.volumes == ("mcj-me-web-00000000_data", "mcj-me-web-00000000_more")
    assert model.document["volumes"]["data"] == {
        "name": "mcj-me-web-00000000_data",
        "external": True,
    }
    assert model.services["web"]["volumes"][1] == {
        "type": "volume",
        "source": "more",
        "target": "/more",
        "read_only": True,
    }


@pytest.mark.parametrize(
    "text",
    ["nonsense", "ab:b", ":/x", "ab:/b:ro:z", "a${HOME}:/x", "./${X-..}/${X-..}:/x", "a b:/x"],
)
def test_a_manifest_s_volume_that_makes_no_sense(tmp_path: Path, text: str) -> None:
    with pytest.raises(ManifestError, match=r"docker\.volumes"):
        edited(tmp_path, {}, spec(tmp_path, f'  volumes: ["{text}"]\n'))


def test_binds_of_what_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    binds = [
        {"type": "bind", "source": str(tmp_path / name), "target": f"/{name}"}
        for name in ("here", "not/there")
    ]
    wanted = spec(tmp_path)
    model = edited(tmp_path, {"volumes": binds}, wanted)
    sources = [mount["source"] for mount in model.services["web"]["volumes"]]
    assert sources == [str(tmp_path / "here"), str(wanted.data / "binds" / "not" / "there")]
    assert [str(folder) for folder in model.binds.folders] == sources[1:]


def test_builds_get_names_of_their_own(tmp_path: Path) -> None:
    raw = {"build": {"context": "."}, "image": "shared:latest"}
    model = edited(tmp_path, raw)
    assert model.builds == {"web": "mcj-me-web-11111111-web:latest"}
    assert model.services["web"]["image"] == "mcj-me-web-11111111-web:latest"


@pytest.mark.parametrize("ask", ["deploy", "runtime", "gpus", "manifest", "nobody"])
@pytest.mark.parametrize("wish", ["auto", "on", "off"])
@pytest.mark.parametrize("nvidia", [True, False])
def test_a_gpu_by_rule(tmp_path: Path, ask: str, wish: str, nvidia: bool) -> None:
    service: dict[str, Any] = {
        "deploy": {"deploy": {"resources": {"reservations": {"devices": [dict(GPU)]}}}},
        "runtime": {"runtime": "nvidia"},
        "gpus": {"gpus": [{"count": 1}]},
    }.get(ask, {})
    text = "requirements: {gpu: true}\n" if ask == "manifest" else ""
    wanted = spec(tmp_path, text, gpu=wish)
    tools = replace(TOOLS, nvidia=nvidia)
    if wish == "on" and not nvidia:
        with pytest.raises(StartError, match="no NVIDIA runtime"):
            edited(tmp_path, service, wanted, tools)
        return
    web = edited(tmp_path, service, wanted, tools).services["web"]
    devices = web.get("deploy", {}).get("resources", {}).get("reservations", {}).get("devices")
    used = nvidia and wish != "off" and (ask != "nobody" or wish == "on")
    assert bool(devices or web.get("runtime") or web.get("gpus")) == used
    said = web["labels"].get(labels.GPU)
    if used:
        assert said == "yes: NVIDIA"
    elif wish == "off":
        assert said == "no: --gpu off"
    elif ask == "nobody":
        assert said is None
    else:
        assert said == "no: Docker has no NVIDIA runtime"


def test_the_digest_follows_the_settings(tmp_path: Path) -> None:
    same = [edited(tmp_path, {}).digest for _ in range(2)]
    other = edited(tmp_path, {}, spec(tmp_path, environment={"A": "1"})).digest
    assert same[0] == same[1] != other


def test_start_interval_only_where_the_engine_knows_it(tmp_path: Path) -> None:
    check = {"healthcheck": {"test": ["CMD", "x"], "start_interval": "1s"}}
    old = edited(tmp_path, check).services["web"]["healthcheck"]
    new = edited(tmp_path, check, tools=replace(TOOLS, engine_version=(25, 0, 1)))
    assert "start_interval" not in old
    assert "start_interval" in new.services["web"]["healthcheck"]


def item(status: str, **more: Any) -> dict[str, Any]:
    state = {"Status": status, "ExitCode": 0, "StartedAt": "2026-01-02T03:04:05.123456789Z"}
    ports = {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "32768"}], "9/udp": None}
    return {
        "Id": "1",
        "Name": "/c",
        "State": state | more.pop("State", {}),
        "Config": {"Image": "x:1", "Labels": more.pop("Labels", {})},
        "NetworkSettings": {"Ports": more.pop("Ports", ports)},
        **more,
    }


@pytest.mark.parametrize(
    ("answer", "state", "detail"),
    [
        (item("running"), "running", "running"),
        (item("running", RestartCount=3), "running", "running"),
        (
            item("running", RestartCount=3, State={"StartedAt": "now"}),
            "restarting",
            "restarts again and again (3 times)",
        ),
        (
            item("restarting", RestartCount=3, State={"ExitCode": 2}),
            "restarting",
            "restarts again and again (3 times; last it exited with code 2)",
        ),
        (item("exited", State={"ExitCode": 1}), "exited", "exited with code 1"),
        (item("exited", State={"ExitCode": 137}), "exited", "was killed (exit code 137)"),
        (
            item("exited", State={"ExitCode": 137, "OOMKilled": True}),
            "exited",
            "ran out of memory (exit code 137)",
        ),
        (item("exited", State={"FinishedAt": "then"}), "stopped", "stopped"),
        (item("dead", State={"ExitCode": 1}), "exited", "exited with code 1"),
        (item("created", State={"Error": "no such file"}), "created", "no such file"),
        (item("paused"), "paused", "is paused"),
        (
            item("running", HostConfig={"NetworkMode": "n"}),
            "disconnected",
            "is cut off from its Docker network",
        ),
        (item("running", HostConfig={"NetworkMode": "host"}), "running", "running"),
        (item("exited", HostConfig={"NetworkMode": "n"}), "exited", "exited with code 0"),
    ],
)
def test_conditions(answer: dict[str, Any], state: str, detail: str) -> None:
    if answer["State"]["StartedAt"] == "now":
        answer["State"]["StartedAt"] = dt.datetime.now(dt.UTC).isoformat()
    condition = look.condition_of(answer, stopped_at="then")
    assert (condition.state, condition.detail) == (state, detail)
    assert condition.url == ("http://127.0.0.1:32768" if state == "running" else None)


def test_the_address_is_loopback_and_the_labelled_port() -> None:
    binding = [
        {"HostIp": "::1", "HostPort": "1"},
        {"HostIp": "0.0.0.0", "HostPort": "2"},
        {"HostIp": "127.0.0.1", "HostPort": "3"},
    ]
    ports = {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "9"}], "90/tcp": binding}
    answer = item("running", Ports=ports, Labels={labels.PORT: "90"})
    assert look.condition_of(answer).url == "http://127.0.0.1:3"
    assert look.public_bindings(answer) == ["::1:1", "0.0.0.0:2"]
    assert look.condition_of(item("running", Ports={})).url is None
    assert look.condition_of(item("running")).started_at == "2026-01-02T03:04:05+00:00"


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("write /x: no space left on device", DiskFullError, "docker system df"),
        ("Bind for 127.0.0.1:8005 failed: port is already allocated", StartError, "--env"),
        ("listen tcp4 127.0.0.1:80: bind: address already in use", StartError, "--env"),
        (
            'could not select device driver "nvidia" with capabilities: [[gpu]]',
            StartError,
            "--gpu off",
        ),
        ('Conflict. The container name "/x" is already in use', StartError, "docker ps -a"),
        ("Cannot connect to the Docker daemon at unix:///x", EngineUnavailableError, "start"),
        ("permission denied while trying to connect", EngineUnavailableError, "usermod"),
        ("Error response from daemon: No such image: x:1", ImageUnavailableError, "%mc start"),
        ("network p_default is ambiguous (6 matches found on name)", StartError, "%mc remove"),
        ("something new", StartError, "%mc logs web"),
    ],
)
def test_failures_of_up(text: str, kind: type[MediaConduitError], words: str) -> None:
    err = (
        'time="2026-01-02T03:04:05Z" level=warning msg="the attribute `version` is obsolete"\n'
        " Network p_default  Created\n Container p-web-1  Starting\n" + text + "\n"
    )
    error = failures.of_up(err, "web")
    assert type(error) is kind
    assert text in error.message
    assert "obsolete" not in error.message
    assert "Starting" not in error.message
    assert words in str(error.hint)
    assert len(str(error).splitlines()) == 2


def test_a_failure_without_a_word() -> None:
    assert "no reason was given" in failures.of_up("", "web").message


@pytest.mark.parametrize("given", [None, "True"])
def test_no_public_tunnel_unless_the_user_wants_one(tmp_path: Path, given: str | None) -> None:
    environment = {"GRADIO_SHARE": given} if given else {}
    wanted = spec(tmp_path, environment=environment)
    service = {"image": "x", "environment": {"GRADIO_SHARE": "True", "HF_HOME": "/c"}}
    found = edited(tmp_path, service, wanted).services["web"]["environment"]
    assert found == {"GRADIO_SHARE": given or "False", "HF_HOME": "/c"}


@pytest.mark.parametrize(("nvidia", "built_for"), [(True, "nvidia"), (False, "cpu")])
def test_a_build_for_a_gpu_only_where_there_is_one(
    tmp_path: Path, nvidia: bool, built_for: str
) -> None:
    service = {
        "build": {"context": str(tmp_path), "args": {"RUNTIME": "nvidia", "PYTHON": "3.11"}},
        "deploy": {"resources": {"reservations": {"devices": [GPU]}}},
    }
    tools = replace(TOOLS, nvidia=nvidia)
    build = edited(tmp_path, service, tools=tools).services["web"]["build"]
    assert build["args"] == {"RUNTIME": built_for, "PYTHON": "3.11"}


@pytest.mark.parametrize("path", ["circle/file.yml", "a" * 300])
def test_a_compose_file_that_nobody_can_follow_is_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "circle").symlink_to("circle")
    wanted = f"  composeFile: {path}\n"
    with pytest.raises(ManifestError, match="cannot be found out"):
        locate(spec(tmp_path, wanted))


def test_a_stop_lasts(tmp_path: Path) -> None:
    """With ``always`` the engine starts a stopped container after a restart of its own."""
    deploy = {"restart_policy": {"condition": "any"}}
    web = edited(tmp_path, {"restart": "always", "deploy": deploy}).services["web"]
    assert web["restart"] == "unless-stopped"
    assert web["deploy"]["restart_policy"]["condition"] == "unless-stopped"
    for kept in ("no", "on-failure:3", "unless-stopped"):
        assert edited(tmp_path, {"restart": kept}).services["web"]["restart"] == kept


def test_links_become_aliases(tmp_path: Path) -> None:
    raw = {
        "services": {
            "web": {"image": "x:1", "links": ["db", "db:data", "db:store", "gone:x"]},
            "db": {"image": "y:1", "networks": {"default": None, "more": {"aliases": ["old"]}}},
        }
    }
    source = Source(tmp_path / "docker-compose.yml", tmp_path.resolve())
    services = edit(raw, spec(tmp_path), source, TOOLS).services
    assert "links" not in services["web"]
    assert services["db"]["networks"] == {
        "default": {"aliases": ["data", "store"]},
        "more": {"aliases": ["data", "old", "store"]},
    }


def test_what_is_left_out(tmp_path: Path) -> None:
    service = {
        "develop": {"watch": []},
        "container_name": "x",
        "pull_refresh_after": "1d",
        "build": {"context": str(tmp_path), "cache_from": ["x"], "cache_to": ["y"], "sbom": True},
        "deploy": {"placement": {"constraints": ["x"]}, "update_config": {"parallelism": 1}},
        "x-own": {"privileged": True},
    }
    web = edited(tmp_path, service).services["web"]
    assert not {"develop", "container_name", "pull_refresh_after", "x-own"} & set(web)
    assert not {"cache_from", "cache_to", "sbom"} & set(web["build"])
    assert web["deploy"] == {}
