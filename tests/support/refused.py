"""Compose text that reaches the host, and the key that must be named when it is refused."""

from __future__ import annotations

SERVICE_KEYS: dict[str, tuple[str, str]] = {
    "privileged": ("privileged: true", "services.web.privileged"),
    "pid": ("pid: host", "services.web.pid"),
    "ipc": ("ipc: host", "services.web.ipc"),
    "uts": ("uts: host", "services.web.uts"),
    "userns": ("userns_mode: host", "services.web.userns_mode"),
    "cgroup": ("cgroup: host", "services.web.cgroup"),
    "cgroup parent": ("cgroup_parent: m", "services.web.cgroup_parent"),
    "host network": ("network_mode: host", "services.web.network_mode"),
    "another's network": ("network_mode: container:db", "services.web.network_mode"),
    "capabilities": ("cap_add: [SYS_ADMIN]", "services.web.cap_add"),
    "unconfined": ("security_opt: [seccomp:unconfined]", "services.web.security_opt[0]"),
    "devices": ('devices: ["/dev/sda:/dev/sda"]', "services.web.devices"),
    "device rules": ('device_cgroup_rules: ["c 1:3 mr"]', "services.web.device_cgroup_rules"),
    "runtime": ("runtime: sysbox", "services.web.runtime"),
    "sysctls": ("sysctls: {net.core.somaxconn: 1}", "services.web.sysctls"),
    "oom": ("oom_kill_disable: true", "services.web.oom_kill_disable"),
    "oom score": ("oom_score_adj: -1000", "services.web.oom_score_adj"),
    "host's root": ('volumes: ["/:/host"]', "services.web.volumes[0].source"),
    "parent folder": ('volumes: ["../..:/host"]', "services.web.volumes[0].source"),
    "socket": ('volumes: ["/var/run/docker.sock:/s"]', "services.web.volumes[0].source"),
    "propagation": (
        "volumes: [{type: bind, source: ., target: /h, bind: {propagation: shared}}]",
        "services.web.volumes[0].bind.propagation",
    ),
    "others' volumes": ('volumes_from: ["container:db"]', "services.web.volumes_from"),
    "extra hosts": ('extra_hosts: ["a:host-gateway"]', "services.web.extra_hosts"),
    "dns": ("dns: [10.0.0.1]", "services.web.dns"),
    "links": ("external_links: [db]", "services.web.external_links"),
    "groups": ("group_add: [docker]", "services.web.group_add"),
    "logging": (
        'logging: {driver: syslog, options: {syslog-address: "udp://1.2.3.4:5"}}',
        "services.web.logging.driver",
    ),
    "replicas": ("deploy: {replicas: 50}", "services.web.deploy.replicas"),
    "other devices": (
        "deploy: {resources: {reservations: {devices: [{driver: cdi, capabilities: [x], "
        "device_ids: [vendor/dev]}]}}}",
        "services.web.deploy.resources.reservations.devices[0].driver",
    ),
    "pull": ("pull_policy: build", ""),
    "hook": ("post_start: [{command: id, privileged: true}]", "services.web.post_start"),
    "credentials": ("use_api_socket: true", "services.web.use_api_socket"),
    "provider": ("provider: {type: ./evil.sh}", "services.web.provider"),
    "static address": (
        "networks: {default: {ipv4_address: 172.16.0.9}}",
        "services.web.networks.default.ipv4_address",
    ),
    "remote build": (
        "build: {context: 'https://github.com/a/b.git'}",
        "services.web.build.context",
    ),
    "outside build": ("build: {context: ../..}", "services.web.build.context"),
    "outside dockerfile": (
        "build: {context: ., dockerfile: ../../x}",
        "services.web.build.dockerfile",
    ),
    "build with the host's network": ("build: {context: ., network: host}", "network"),
    "build with the agent": ("build: {context: ., ssh: [default]}", "services.web.build.ssh"),
    "build with more folders": (
        "build: {context: ., additional_contexts: {h: /etc}}",
        "services.web.build.additional_contexts",
    ),
    "build privileged": ("build: {context: ., privileged: true}", "services.web.build.privileged"),
    "build with rights": (
        "build: {context: ., entitlements: [network.host]}",
        "services.web.build.entitlements",
    ),
    "build with other names": (
        "build: {context: ., tags: ['ollama/ollama:latest']}",
        "services.web.build.tags",
    ),
    "env file": ("env_file: /etc/hostname", "services.web.env_file"),
    "env file by variable": ("env_file: ['${X:-/etc/hostname}']", "services.web.env_file"),
    "env file of the parent": ("env_file: ../../.bashrc", "services.web.env_file"),
    "label file": ("label_file: /etc/hostname", "services.web.label_file"),
    "extends": ("extends: {file: /etc/compose.yml, service: a}", "extends"),
}
"""What to add to a service, and the key path in the message (empty: overridden by ours)."""

TOP_LEVEL: dict[str, tuple[str, str]] = {
    "include": ("include: [/etc/other.yml]\n", "include"),
    "include, quoted": ('"include": [/etc/other.yml]\n', "include"),
    "include, escaped": ('"inc\\x6cude": [/etc/other.yml]\n', "include"),
    "include, folded": ('"inc\\\n  lude": [/etc/other.yml]\n', "line 6"),
    "include, by alias": ("x-a: &a include\n*a : [/etc/other.yml]\n", "a key is an alias (*a)"),
    "include, as bytes": ("!!binary aW5jbHVkZQ== : [/etc/other.yml]\n", "!!binary"),
    "include, behind a quoted comment": (
        'x-b: {a: "x\n # y", b: 1}\ninclude: [/etc/other.yml]\n',
        "include",
    ),
    "volume of the host": (
        "volumes: {vol: {driver_opts: {type: none, o: bind, device: /}}}\n",
        "volumes.vol.driver_opts",
    ),
    "another's volume": ("volumes: {vol: {external: true, name: pg}}\n", "volumes.vol.external"),
    "volume driver": ("volumes: {vol: {driver: nfs}}\n", "volumes.vol.driver"),
    "another's network": ("networks: {n: {external: true, name: db}}\n", "networks.n.external"),
    "network driver": ("networks: {n: {driver: macvlan}}\n", "networks.n.driver"),
    "secret file": ("secrets: {s: {file: /etc/shadow}}\n", "secrets"),
    "config file": ("configs: {s: {file: /etc/shadow}}\n", "configs"),
    "secret from environment": ("secrets: {s: {environment: HOME}}\n", "secrets"),
}
"""What to add to the file; services use volume `vol`, network `n`, secret and config `s`."""

USES = {
    "volumes": 'volumes: ["vol:/v"]',
    "networks": "networks: [n]",
    "secrets": "secrets: [s]",
    "configs": "configs: [s]",
}


def with_service_key(line: str) -> str:
    """Return a compose file whose service has the key."""
    image = "" if "provider" in line else "    image: nothing:1\n"
    return f"services:\n  web:\n{image}    {line}\n"


def with_top_level(text: str) -> str:
    """Return a compose file with the text at its top, and a service that uses it."""
    uses = USES.get(text.split(":")[0], "init: true")
    return f"services:\n  web:\n    image: nothing:1\n    {uses}\n{text}"
