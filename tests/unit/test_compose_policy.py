"""The allow-list, on models as ``docker compose config`` writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.specs import spec

from mc_jupyter.errors import PolicyError
from mc_jupyter.runtimes.compose import policy, refusals

SCOPE = "mcj-me-web-00000000"


def check(root: Path, service: dict[str, Any] | None = None, **top: Any) -> None:
    refuse({"name": "p", "services": {"web": {"image": "x:1", **(service or {})}}, **top}, root)


def refuse(model: dict[str, Any], root: Path, memory: int = 0) -> None:
    fetched = spec(root, commit="1" * 40)
    if found := policy.check(model, (root,), SCOPE, memory):
        raise refusals.error(found, "docker-compose.yml", fetched)


def test_everything_that_the_published_services_use(tmp_path: Path) -> None:
    check(
        tmp_path,
        {
            "build": {
                "context": str(tmp_path),
                "dockerfile": "Dockerfile",
                "target": "production",
                "args": {"RUNTIME": "cpu"},
            },
            "command": None,
            "entrypoint": ["/start"],
            "environment": {"A": "1"},
            "ports": [{"mode": "ingress", "target": 80, "host_ip": "127.0.0.1", "protocol": "tcp"}],
            "volumes": [
                {"type": "volume", "source": "data", "target": "/d", "volume": {}},
                {"type": "bind", "source": str(tmp_path / "in"), "target": "/i", "bind": {}},
                {"type": "tmpfs", "target": "/t", "tmpfs": {"size": "1000"}},
            ],
            "healthcheck": {"test": ["CMD", "x"], "interval": "30s", "start_period": "1m0s"},
            "restart": "unless-stopped",
            "depends_on": {"init": {"condition": "service_completed_successfully"}},
            "networks": {"default": None, "inner": {"aliases": ["web"]}},
            "deploy": {
                "resources": {
                    "limits": {"cpus": 2, "memory": "2147483648"},
                    "reservations": {
                        "devices": [{"driver": "nvidia", "count": -1, "capabilities": ["gpu"]}]
                    },
                },
            },
            "logging": {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}},
            "security_opt": ["no-new-privileges:true"],
            "runtime": "nvidia",
            "privileged": False,
            "tty": True,
            "working_dir": "/app",
            "init": True,
            "pull_policy": "never",
        },
        networks={"default": {"name": "p_default", "ipam": {}}, "inner": {"internal": True}},
        volumes={"data": {"name": f"{SCOPE}_data", "external": True}},
    )


@pytest.mark.parametrize("key", ["privileged", "tomorrows_key", "x-odd", "cap_add"])
def test_what_is_not_on_the_list(tmp_path: Path, key: str) -> None:
    with pytest.raises(PolicyError) as caught:
        check(tmp_path, {key: ["value"]})
    message = f"docker-compose.yml: services.web.{key} (['value']) is not allowed"
    assert caught.value.message.startswith(message)
    assert "later version" in str(caught.value.hint)


def test_a_long_value_is_cut(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        check(tmp_path, {"devices": ["x" * 500]})
    assert len(caught.value.message) < 200


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.1.2", None])
def test_ports_beyond_loopback(tmp_path: Path, address: str | None) -> None:
    port = {"target": 80, "published": "80"} | ({"host_ip": address} if address else {})
    with pytest.raises(PolicyError, match=r"services.web.ports\[0\].host_ip"):
        check(tmp_path, {"ports": [port]})


def test_a_path_through_a_link(tmp_path: Path) -> None:
    inside = tmp_path / "repository"
    inside.mkdir()
    (inside / "link").symlink_to(tmp_path)
    bind = {"type": "bind", "source": str(inside / "link" / "x"), "target": "/x"}
    with pytest.raises(PolicyError, match="outside the repository"):
        check(inside, {"volumes": [bind]})
    with pytest.raises(PolicyError, match="outside the repository"):
        check(inside, {"build": {"context": str(inside / "link")}})
    (inside / "Dockerfile").symlink_to("/etc/passwd")
    with pytest.raises(PolicyError, match="outside the build's context"):
        check(inside, {"build": {"context": str(inside), "dockerfile": "Dockerfile"}})


@pytest.mark.parametrize("kind", ["npipe", "cluster", "image", None])
def test_other_kinds_of_mounts(tmp_path: Path, kind: str | None) -> None:
    with pytest.raises(PolicyError, match=r"volumes\[0\].type"):
        check(tmp_path, {"volumes": [{"type": kind, "target": "/x"}]})


def test_volumes_of_others(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"volumes.v.external \(True\)"):
        check(tmp_path, volumes={"v": {"name": "postgres", "external": True}})
    with pytest.raises(PolicyError, match=r"volumes\.v\.driver_opts"):
        check(tmp_path, volumes={"v": {"name": f"{SCOPE}_v", "driver_opts": {"o": "bind"}}})


def test_a_path_that_compose_would_fill_in(tmp_path: Path) -> None:
    """Compose interpolates what it is given: `a$$b` is checked, and the link `a$b` is mounted."""
    for path in ("a$$b", "${X-..}"):
        bind = {"type": "bind", "source": str(tmp_path / path), "target": "/x"}
        with pytest.raises(PolicyError, match="a path with a dollar sign"):
            check(tmp_path, {"volumes": [bind]})
        with pytest.raises(PolicyError, match="a path with a dollar sign"):
            check(tmp_path, {"build": {"context": str(tmp_path), "dockerfile": path}})


def test_a_service_whose_name_is_an_option(tmp_path: Path) -> None:
    raw = {"services": {"--push": {"image": "x:1"}}}
    with pytest.raises(PolicyError, match=r"services\.--push"):
        refuse(raw, tmp_path)


@pytest.mark.parametrize("path", ["circle", "circle/x", "file/x", "a" * 300, "a\0b"])
def test_a_path_that_nobody_can_follow_is_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "circle").symlink_to("circle")
    place = str(tmp_path / path)
    bind = {"type": "bind", "source": place, "target": "/i"}
    with pytest.raises(PolicyError, match="where it leads cannot be found out"):
        check(tmp_path, {"volumes": [bind]})
    with pytest.raises(PolicyError, match="where it leads cannot be found out"):
        check(tmp_path, {"build": {"context": place}})
    with pytest.raises(PolicyError, match="dockerfile"):
        check(tmp_path, {"build": {"context": str(tmp_path), "dockerfile": path}})


def test_a_path_that_this_user_may_not_follow_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: object, **_: object) -> str:  # root, who may be testing, may follow all
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.path.realpath", refuse)
    bind = {"type": "bind", "source": "/proc/1/root", "target": "/i"}
    with pytest.raises(PolicyError, match=r"'/proc/1/root'\) is not allowed"):
        check(tmp_path, {"volumes": [bind]})


@pytest.mark.parametrize(
    ("service", "place"),
    [
        ({"shm_size": "600"}, "shm_size"),
        ({"tmpfs": ["/x:size=600"]}, r"tmpfs\[0\]"),
        ({"tmpfs": ["/x:mode=1777,size=1k"]}, r"tmpfs\[0\]"),
        ({"tmpfs": ["/x:size=50%"]}, r"tmpfs\[0\]"),
        ({"build": {"shm_size": "1g"}}, "build.shm_size"),
        (
            {"volumes": [{"type": "tmpfs", "target": "/x", "tmpfs": {"size": "600"}}]},
            r"volumes\[0\]\.tmpfs\.size",
        ),
    ],
)
def test_half_of_the_memory(tmp_path: Path, service: dict[str, Any], place: str) -> None:
    model = {"services": {"web": {"image": "x:1", **service}}}
    if "build" in service:
        service["build"]["context"] = str(tmp_path)
    with pytest.raises(PolicyError, match=f"services.web.{place} .*half of the memory"):
        refuse(model, tmp_path, memory=1000)


def test_sizes_that_fit(tmp_path: Path) -> None:
    service = {"image": "x:1", "shm_size": "500", "tmpfs": ["/a", "/b:size=400,mode=1", "/c:ro"]}
    refuse({"services": {"web": service}}, tmp_path, memory=1000)
    refuse({"services": {"web": {"image": "x:1", "shm_size": "1t"}}}, tmp_path)  # not known


def test_the_number_of_ports(tmp_path: Path) -> None:
    port = {"target": 80, "host_ip": "127.0.0.1", "protocol": "tcp"}
    check(tmp_path, {"ports": [port] * policy.MAX_PORTS})
    with pytest.raises(PolicyError, match="at most 20 ports are published"):
        check(tmp_path, {"ports": [port] * (policy.MAX_PORTS + 1)})


def test_all_refusals_are_one_error(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        check(tmp_path, {"privileged": True, "pid": "host", "ipc": "host", "tomorrow": 1})
    first, *rest = caught.value.message.splitlines()
    assert first == "docker-compose.yml asks for 4 things that are not allowed:"
    assert [line.split()[0] for line in rest] == [
        "services.web.privileged",
        "services.web.pid",
        "services.web.ipc",
        "services.web.tomorrow",
    ]


def test_very_many_refusals_are_cut(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        check(tmp_path, {f"key{number}": 1 for number in range(50)})
    assert len(caught.value.message.splitlines()) == 22
    assert caught.value.message.endswith("and 30 more")


@pytest.mark.parametrize("image", ["localhost/x", "127.0.0.1:5000/x:1", "registry:5000/x", "a b"])
def test_images_of_hosts_that_are_not_public(image: str) -> None:
    (found,) = policy.images({"services": {"web": {"image": image}}})
    assert found.where == "services.web.image"


@pytest.mark.parametrize("image", ["x", "a/b:1", "ghcr.io/a/b@sha256:" + "0" * 64, "docker.io/a"])
def test_images_of_public_hosts(image: str) -> None:
    assert policy.images({"services": {"web": {"image": image}}}) == []


def test_a_build_without_a_context(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"services.web.build.context \(''\) is not allowed"):
        check(tmp_path, {"build": {"dockerfile_inline": "FROM x"}})
