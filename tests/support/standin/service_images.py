"""The images of five services' stand-ins; built by :mod:`support.standin.build`.

``mc-jupyter-test/services:1``
    All five (:mod:`support.standin.servers`); the tests' repositories build from it.
`PUBLISHED`
    Stand-ins under the published names of whisper and kokoro, on the published ports.
`PLAIN`
    Names that the published compose files use for steps before the start; the base image.

None takes the place of a real image.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from support.standin import packages
from support.standin.build import (
    BASE,
    CONTENT,
    LABEL,
    CannotBuild,
    base_image,
    label_of,
    run_docker,
)

SERVICES = "mc-jupyter-test/services:1"
PUBLISHED = {
    "whisper": ("onerahmet/openai-whisper-asr-webservice:latest", 9000),
    "kokoro": ("kprinssu/kokoro-fastapi:latest", 8880),
}
# so that what the one speaks the other hears; to hear anything else: an empty STANDIN_GRAMMAR
ENVIRONMENT = {"whisper": "ENV STANDIN_GRAMMAR=digits\n"}
PLAIN = ("busybox:latest", "alpine:latest")
HERE = Path(__file__).parent
_DOCKERFILE = f"""\
FROM {BASE}
COPY packages /opt/standin/packages
COPY tests /opt/standin/tests
COPY standin /usr/local/bin/standin
WORKDIR /app
ENTRYPOINT ["/usr/local/bin/standin"]
"""
_IGNORED = shutil.ignore_patterns("__pycache__")


def services_image() -> str:
    """Return the name of the image of all five; built anew where its content changed.

    Raises
    ------
    CannotBuild
        A part is missing, or this Python's libraries do not fit the image's Python.
    """
    if reason := packages.why_not():
        raise CannotBuild(reason)
    if sys.version_info[:2] != (3, 11):  # what the base image's Debian has
        raise CannotBuild(f"libraries for Python {sys.version_info[1]} do not run on its 3.11")
    base_image()
    content = _content()
    if (label_of(SERVICES) or {}).get(CONTENT) != content:
        with tempfile.TemporaryDirectory() as folder:
            context = Path(folder)
            shutil.copytree(packages.folder(), context / "packages")
            inside = context / "tests" / "support" / "standin"
            shutil.copytree(HERE / "servers", inside / "servers", ignore=_IGNORED)
            shutil.copy(HERE / "__init__.py", inside)
            shutil.copy(HERE / "standin", context)
            _build(context, SERVICES, _DOCKERFILE, content)
    return SERVICES


def published_image(name: str) -> str:
    """Return the published name of a service, `whisper` or `kokoro`, for which ours stands in.

    Raises
    ------
    CannotBuild
        There is a real image of that name, or a part is missing.
    """
    image, port = PUBLISHED[name]
    labels = _ours(image)
    services_image()
    environment = ENVIRONMENT.get(name, "")
    content = f"{_content()}-{name}{'-digits' if environment else ''}"
    if labels.get(CONTENT) != content:
        with tempfile.TemporaryDirectory() as folder:
            dockerfile = f'FROM {SERVICES}\nEXPOSE {port}\n{environment}CMD ["{name}"]\n'
            _build(Path(folder), image, dockerfile, content)
    return image


def plain_image(name: str) -> str:
    """Return one of `PLAIN`, for which the base image stands in.

    Raises
    ------
    CannotBuild
        There is a real image of that name, or a part is missing.
    """
    _ours(name)
    run_docker("tag", base_image(), name)
    return name


def every() -> str:
    """Build all that can be; return the name of the image of all five.

    A real image that is there already is left alone, and is no reason against the others.
    """
    services = services_image()
    for make, names in ((published_image, PUBLISHED), (plain_image, PLAIN)):
        for name in names:
            try:
                make(name)
            except CannotBuild as reason:
                print(reason, file=sys.stderr)
    return services


def set_up() -> None:
    """Fetch the libraries and build the images."""
    try:
        packages.install()
    except packages.NotInstalled as reason:
        raise CannotBuild(f"the stand-ins' libraries: {reason}") from None
    print(every(), *(image for image, _ in PUBLISHED.values()), *PLAIN)


def _ours(image: str) -> dict[str, str]:
    """Return the labels of our image of that name, if any."""
    labels = label_of(image)
    if labels is not None and LABEL not in labels:
        raise CannotBuild(f"{image} is here and no stand-in; it is left alone")
    return labels or {}


def _content() -> str:
    """Return a hash of what the image of all five holds."""
    seen = hashlib.sha256(packages.key().encode() + _DOCKERFILE.encode())
    seen.update(_base_id())
    for path in [HERE / "standin", *sorted((HERE / "servers").glob("*.py"))]:
        seen.update(path.name.encode() + path.read_bytes())
    return seen.hexdigest()[:16]


def _base_id() -> bytes:
    command = ["docker", "image", "inspect", "--format", "{{.Id}}", BASE]
    return subprocess.run(command, capture_output=True).stdout


def _build(context: Path, image: str, dockerfile: str, content: str) -> None:
    (context / "Dockerfile").write_text(f"{dockerfile}LABEL {LABEL}=1 {CONTENT}={content}\n")
    run_docker("build", "--quiet", "--tag", image, str(context))
