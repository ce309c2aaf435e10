"""Service folders made for a test, of the published shape."""

from __future__ import annotations

from pathlib import Path

MANIFEST = """\
name: "{name}"
version: "1.0.0"
description: "made for a test"
docker:
  composeFile: "docker-compose.yml"
  serviceName: "{service}"
  image: "{image}"
  ports: [11434]
  healthCheck:
    url: "http://localhost:11434{health}"
    interval: "30s"
"""

COMPOSE = """\
services:
  {service}:
    image: {image}
    container_name: {service}-service
    ports:
      - "${{OLLAMA_HOST_PORT:-0}}:11434"
"""


def service_folder(
    parent: Path,
    name: str = "ollama-service",
    service: str = "ollama",
    image: str = "ollama/ollama:latest",
    health: str = "/api/version",
) -> Path:
    """Write a service's two files into `parent`/`name`, and return that folder."""
    folder = parent / name
    folder.mkdir(parents=True)
    words = {"name": name, "service": service, "image": image, "health": health}
    (folder / "MediaConduit.service.yml").write_text(MANIFEST.format(**words))
    (folder / "docker-compose.yml").write_text(COMPOSE.format(**words))
    return folder
