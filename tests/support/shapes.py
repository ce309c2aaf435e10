"""Twelve services in the shape of public AI services, all of them our own.

Each either runs, or is refused exactly where it asks for a power. The image is the tests' own:
what runs answers on port 8080.
"""

from __future__ import annotations

from dataclasses import dataclass

IMAGE = "mc-jupyter-test/base:1"
_SERVE = "command: [python3, -m, http.server, '8080']"


@dataclass(frozen=True)
class Shape:
    """One service.

    Attributes
    ----------
    files
        Its files by their paths.
    refused
        The places that are refused; none where it runs.
    """

    files: dict[str, str | bytes]
    refused: frozenset[str] = frozenset()


def _shape(compose: str, service: str, *refused: str, **files: str) -> Shape:
    manifest = (
        f"name: {service}-service\ndocker:\n  serviceName: {service}\n  ports: [8080]\n"
        "  healthCheck: {endpoint: /}\n"
    )
    text = compose.replace("IMAGE", IMAGE).replace("SERVE", _SERVE)
    named: dict[str, str | bytes] = {name.replace("__", "."): text for name, text in files.items()}
    return Shape(
        {"docker-compose.yml": text, "MediaConduit.service.yml": manifest, **named},
        frozenset(refused),
    )


SHAPES = {
    "chat in front of a model server": _shape(
        """
version: "3.8"
services:
  models:
    volumes: [models:/root/.models]
    container_name: models
    pull_policy: always
    tty: true
    restart: unless-stopped
    image: IMAGE
    command: [python3, -m, http.server, '11434']
  chat:
    build:
      context: .
      args: {MODELS_URL: "/models"}
      dockerfile: Dockerfile
      cache_from: [type=registry, "ref=ghcr.io/someone/chat:cache"]
      cache_to: ["type=local,dest=/tmp/cache"]
    image: ghcr.io/someone/chat:${CHAT_TAG-main}
    SERVE
    volumes: [chat:/app/data]
    depends_on: [models]
    links: ["models:ollama"]
    ports: ["${CHAT_PORT-3000}:8080"]
    environment: ["MODELS_URL=http://models:11434", "SECRET_KEY="]
    restart: always
volumes: {models: {}, chat: {}}
""",
        "chat",
        Dockerfile=f"ARG CHAT_TAG\nFROM {IMAGE}\nARG MODELS_URL\nENV MODELS_URL=$MODELS_URL\n",
    ),
    "speech with a GPU": _shape(
        """
x-gpu: &gpu
  deploy:
    resources:
      reservations:
        devices: [{driver: nvidia, count: all, capabilities: [gpu]}]
services:
  speech:
    <<: *gpu
    image: IMAGE
    SERVE
    ports: ["8880:8080"]
    env_file: [.env, {path: more.env, required: false}]
    environment: {PYTHONPATH: "/app:/app/api", USE_GPU: "true", WORKERS: 1}
    ulimits: {nofile: {soft: 1024, hard: 1024}}
    shm_size: 64m
    healthcheck: {test: [CMD, "true"], interval: 5s, timeout: 3s, retries: 3, start_period: 1s}
""",
        "speech",
        __env="VOICE=af\nSPEED=1.0\n",
    ),
    "gpus and live reload": _shape(
        """
services:
  server:
    image: IMAGE
    SERVE
    gpus: all
    ports: ["127.0.0.1:8000:8080"]
    links: [cache]
    develop: {watch: [{action: sync, path: ., target: /app}]}
    environment: {CACHE: "redis://cache:6379/0", MODEL: "${MODEL:-small}"}
  cache: {image: IMAGE, command: [sleep, "600"], expose: ["6379"]}
""",
        "server",
        __env="MODEL=base\n",
    ),
    "vectors": _shape(
        """
services:
  vectors:
    image: IMAGE
    SERVE
    restart: always
    ports: [6333:8080, 6334:6334]
    expose: [6333, 6334, 6335]
    volumes: ["./storage:/qdrant/storage"]
    logging: {driver: json-file, options: {max-size: 10m, max-file: "3"}}
    user: "0:0"
    read_only: true
    tmpfs: ["/tmp:size=16m"]
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
""",
        "vectors",
    ),
    "workflow with a database": _shape(
        """
x-shared: &shared
  image: IMAGE
  restart: unless-stopped
  environment: &values {DB_TYPE: postgres, DB_HOST: database, DB_NAME: "${DB_NAME:-flows}"}
  depends_on: {database: {condition: service_healthy}}
services:
  database:
    image: IMAGE
    command: [sleep, "600"]
    environment: [DB_NAME, "DB_USER=${DB_USER:-flow}"]
    volumes: ["database:/var/lib/data", "./init.sh:/docker-entrypoint-initdb.d/init.sh:ro"]
    healthcheck: {test: ["CMD-SHELL", "true"], interval: 1s, timeout: 5s, retries: 10}
  flows:
    <<: *shared
    SERVE
    ports: ["5678:8080"]
    volumes: [flows:/home/node]
  worker:
    <<: *shared
    command: worker
    depends_on: [flows]
    privileged: true
  editor: {image: IMAGE, profiles: [debug], network_mode: host}
volumes: {database: , flows: }
""",
        "flows",
        __env="DB_NAME=flows\nDB_USER=flow\n",
        init__sh="#!/bin/sh\n",
    ),
    "pictures": _shape(
        """
services:
  pictures:
    build:
      context: ./docker
      target: run
    init: true
    stop_signal: SIGINT
    stop_grace_period: 3s
    ports: ["${WEBUI_PORT:-7860}:8080"]
    volumes:
      - {type: bind, source: ./data, target: /data}
      - {type: bind, source: ./output, target: /output}
      - type: volume
        source: cache
        target: /cache
        volume: {nocopy: true}
    tty: true
    stdin_open: true
    platform: linux/amd64
    labels: {app: pictures}
volumes: {cache: {driver: local}}
""",
        "pictures",
        **{
            "docker/Dockerfile": f"FROM {IMAGE} AS base\nWORKDIR /data\nFROM base AS run\n"
            'CMD ["python3", "-m", "http.server", "8080"]\n',
            "data/readme": "models go here\n",
        },
    ),
    "home assistant": _shape(
        """
services:
  assistant:
    image: IMAGE
    SERVE
    network_mode: host
    privileged: true
    volumes: ["/etc/localtime:/etc/localtime:ro", "./config:/config", "/run/dbus:/run/dbus:ro"]
    devices: ["/dev/ttyUSB0:/dev/ttyUSB0"]
""",
        "assistant",
        "services.assistant.network_mode",
        "services.assistant.privileged",
        "services.assistant.devices",
        "services.assistant.volumes[0].source",
        "services.assistant.volumes[2].source",
    ),
    "ROCm": _shape(
        """
services:
  rocm:
    image: IMAGE
    SERVE
    ports: ["8080:8080"]
    devices: [/dev/kfd, /dev/dri]
    group_add: [video]
    ipc: host
    cap_add: [SYS_PTRACE]
    security_opt: [seccomp=unconfined]
""",
        "rocm",
        "services.rocm.devices",
        "services.rocm.group_add",
        "services.rocm.ipc",
        "services.rocm.cap_add",
        "services.rocm.security_opt[0]",
    ),
    "chat that asks the host": _shape(
        """
services:
  chat:
    image: IMAGE
    SERVE
    ports: ["3000:8080"]
    extra_hosts: ["host.docker.internal:host-gateway"]
    environment: {OLLAMA_URL: "http://host.docker.internal:11434"}
""",
        "chat",
        "services.chat.extra_hosts",
    ),
    "many containers behind a proxy": _shape(
        """
include: [./databases.yml]
services:
  proxy:
    image: IMAGE
    SERVE
    ports: ["80:8080", "443:8443"]
    volumes: ["/var/run/docker.sock:/var/run/docker.sock:ro", "proxy:/certs"]
    networks: [web]
    configs: [{source: rules, target: /etc/rules.yml}]
networks: {web: {external: true}}
volumes: {proxy: }
configs: {rules: {content: "a: b"}}
""",
        "proxy",
        "include",
        "services.proxy.volumes[0].source",
        "services.proxy.configs",
        "networks.web.external",
        "configs",
        databases__yml="services: {}\n",
    ),
    "transcription with limits": _shape(
        """
name: transcription
services:
  asr:
    image: ${ASR_REPOSITORY:-IMAGE}
    SERVE
    ports:
      - target: 8080
        published: "9000"
        protocol: tcp
        mode: host
    environment:
      - ASR_MODEL=${ASR_MODEL:-base}
      - ASR_ENGINE=${ASR_ENGINE-faster}
    volumes: ["asr:/root/.cache"]
    mem_limit: 512m
    cpus: "1.5"
    mem_reservation: 64m
    deploy: {resources: {limits: {cpus: "1.5", memory: 512M}}, restart_policy: {condition: any}}
    networks: {default: {aliases: [whisper]}, inner: }
volumes: {asr: {name: asr_models}}
networks: {inner: {internal: true}}
""",
        "asr",
    ),
    "a folder of the home": _shape(
        """
services:
  notebook:
    image: IMAGE
    SERVE
    ports: ["8888:8080"]
    volumes: ["~/.cache/huggingface:/root/.cache/huggingface", "${PWD:-..}/work:/work"]
""",
        "notebook",
        "services.notebook.volumes[0].source",
        "services.notebook.volumes[1].source",
    ),
}
"""By what they are like."""
