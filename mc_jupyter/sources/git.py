"""One commit of a git repository into a folder.

GitPython is the git library: it finds the program, reads its progress and its errors. The commands
themselves are run by :mod:`.guard`, because GitPython's own ``Git.execute`` always starts from
a copy of our whole environment (so ``GIT_DIR`` and tokens reach the child), and ends at most one
process, not its group, when a time is up.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import MediaConduitError, SourceError
from ..events import Report, ticking
from ..meter import size_text
from . import failures
from .base import Fetched, Identifier
from .guard import Clock, TimeUp, run
from .listing import Listing, TooMuch, follow_links
from .telling import Telling

if TYPE_CHECKING:
    from git import RemoteProgress

# $1 git, $2 an empty folder, $3 address, $4 ref.
# The repository is ours, new and without templates; nothing of the user's configuration may run
# a program or leave one running. Links become small text files, which lead nowhere; bytes stay as
# they are: the attributes in .git/info win over those of the commit, which name filters.
_REPOSITORY = """
git() {
    "$program" -C "$folder" -c core.hooksPath=/dev/null -c core.fsmonitor=false \\
        -c core.symlinks=false -c core.autocrlf=false -c submodule.recurse=false \\
        -c core.attributesFile=/dev/null -c core.bigFileThreshold=16m -c core.quotePath=true \\
        -c fetch.unpackLimit=1 -c gc.auto=0 -c maintenance.auto=false -c safe.directory='*' \\
        -c http.lowSpeedLimit=1000 -c http.lowSpeedTime=30 "$@"
}
program=$1 folder=$2 url=$3 ref=$4
"""
_FETCH = f"""{_REPOSITORY}
git init -q --template= &&
git fetch --depth 1 --no-tags --no-recurse-submodules --progress --end-of-options "$url" "$ref"
"""
_LIST_FILES = f"{_REPOSITORY}\ngit ls-tree -r -l --full-tree FETCH_HEAD >&2"
_CHECK_OUT = f"{_REPOSITORY}\ngit checkout -q --progress --detach FETCH_HEAD"
_ATTRIBUTES = "* -filter -text -ident -working-tree-encoding\n"
# only what the server itself says tells of a default branch that is not there
_LIST = f"""{_REPOSITORY}
export GIT_TRACE_PACKET=2
git -c protocol.version=2 ls-remote --symref "$url" >&2
"""
_HEAD = f'{_REPOSITORY}\ngit ls-remote --quiet --end-of-options "$url" HEAD >&2'
_LISTED = re.compile(r"[0-9a-f]{40,64}\trefs/(?:heads|tags)/(\S+?)")
_UNBORN = re.compile(r".*< unborn HEAD symref-target:refs/heads/(\S+)")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")

# Everything else stays out: tokens, and whatever would point git at another repository or program.
_PASSED = re.compile(
    r"PATH|HOME|USER|LOGNAME|TMPDIR|XDG_\w+|LD_LIBRARY_PATH|SSH_AUTH_SOCK"
    r"|(?:https?|all|no)_proxy|(?:HTTPS?|ALL|NO)_PROXY"
    r"|SSL_CERT_FILE|SSL_CERT_DIR|CURL_CA_BUNDLE|GIT_(?:PROXY_)?SSL_\w+"
    r"|GIT_ALLOW_PROTOCOL|GIT_CONFIG_(?:COUNT|KEY_\d+|VALUE_\d+|GLOBAL|SYSTEM|NOSYSTEM)"
)
_DEFAULTS = {"GIT_ALLOW_PROTOCOL": "https"}
_FIXED = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "SSH_ASKPASS": "",
    "GCM_INTERACTIVE": "never",
    "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oConnectTimeout=15",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "LC_ALL": "C",
}
_LIST_CLOCK = Clock(5.0, 5.0)
_NOT_FOUND = 127  # the shell's status


def environment(variables: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return git's whole environment: what the network and the user's configuration need of ours.

    A user with a mirror sets ``url.<mirror>.insteadOf`` (in git's configuration or by
    ``GIT_CONFIG_COUNT``) and, where it is not served by https, ``GIT_ALLOW_PROTOCOL``.

    Parameters
    ----------
    variables
        The environment to choose from.
    """
    passed = {name: value for name, value in variables.items() if _PASSED.fullmatch(name)}
    return {**_DEFAULTS, **passed, **_FIXED}


def program() -> str:
    """Return the git program, found as GitPython finds it (PATH or GIT_PYTHON_GIT_EXECUTABLE).

    Raises
    ------
    GitMissingError
        When there is none, or it does not run.
    """
    try:
        from git import Git
    except ImportError as error:  # so GitPython says that there is no program
        raise failures.git_missing() from error
    found = shutil.which(Git.GIT_PYTHON_GIT_EXECUTABLE or "git")
    if not found:
        raise failures.git_missing()
    return found


def fetch_into(
    folder: Path, identifier: Identifier, *, clock: Clock, report: Report, most: int
) -> Fetched:
    """Fetch one commit, without history, and check it out; ``.git`` is removed.

    Links that lead to something of the repository become copies of it; others are left out.

    Parameters
    ----------
    folder
        Created here; what is in it after an error is the caller's to remove.
    identifier
        Its location is fetched at its ref (branch, tag, full commit id, or None for HEAD).
    clock
        How long git may be silent.
    report
        Told of progress.
    most
        Bytes that may come, and that the files may have.

    Raises
    ------
    GitMissingError, SourceUnreachableError, RepositoryNotFoundError, RefNotFoundError,
    DiskFullError, SourceError
        As each says. A KeyboardInterrupt ends git and goes up.
    """
    git = program()
    (folder / ".git" / "info").mkdir(parents=True)
    (folder / ".git" / "info" / "attributes").write_text(_ATTRIBUTES)
    telling = Telling(identifier.typed, report)
    arguments = [git, str(folder), identifier.location, identifier.ref or "HEAD"]
    listing = Listing()

    def step(script: str, heard: Callable[[str], None] | None = None) -> None:
        listener = _listener(telling.step)
        size = _Size(folder, most)
        with ticking(telling.while_silent, report):
            status = _run(script, arguments, identifier, clock, listener, heard, size.check)
        if status:
            raise _failed(status, listener, arguments, identifier, folder)

    try:
        step(_FETCH)
        step(_LIST_FILES, listing.add)
        if listing.total > most:
            raise TooMuch(f"{size_text(listing.total)} of files")
        step(_CHECK_OUT)
        commit = (folder / ".git" / "HEAD").read_text(encoding="ascii").strip()
        if not _COMMIT.fullmatch(commit):
            raise SourceError(f"{identifier.typed}: git left no commit checked out ({commit})")
        shutil.rmtree(folder / ".git")
        links = follow_links(folder, listing, most)
    except TooMuch as error:
        raise failures.too_much(identifier, str(error), most) from None
    telling.end()
    return Fetched(commit, links, tuple(listing.submodules))


@dataclass
class _Size:
    """Looks at how much a folder takes, on the disk; what git is writing is in few files."""

    folder: Path
    most: int

    def check(self) -> None:
        total = 0
        for place, _, names in os.walk(self.folder / ".git" / "objects"):
            for name in names:
                with contextlib.suppress(OSError):  # git gave it another name meanwhile
                    total += os.stat(os.path.join(place, name)).st_size
        if total > self.most:
            raise TooMuch(f"more than {size_text(self.most)} came")


def _failed(
    status: int,
    listener: RemoteProgress,
    arguments: list[str],
    identifier: Identifier,
    folder: Path,
) -> MediaConduitError:
    if status == _NOT_FOUND:
        return failures.git_missing()
    from git import GitCommandError

    text = "\n".join([*listener.other_lines, *listener.error_lines])
    refs, unborn = _refs(arguments) if failures.is_missing_ref(text) else ([], None)
    error = failures.explain(identifier, text, folder, refs, unborn)
    error.__cause__ = GitCommandError(["git", "fetch", *arguments[2:]], status, text)
    return error


def reach(identifier: Identifier, *, clock: Clock) -> None:
    """Ask for a repository's HEAD the way a fetch does: same program, proxy and configuration.

    Nothing is written.

    Raises
    ------
    GitMissingError, SourceUnreachableError, RepositoryNotFoundError, RefNotFoundError, SourceError
        As :func:`fetch_into`.
    """
    nowhere = Path("/")  # git needs a folder to stand in; it is not looked at
    listener = _listener(lambda *step: None)
    arguments = [program(), str(nowhere), identifier.location, "HEAD"]
    if _run(_HEAD, arguments, identifier, clock, listener):
        text = "\n".join([*listener.other_lines, *listener.error_lines])
        raise failures.explain(identifier, text, nowhere, [])


def _run(
    script: str,
    arguments: list[str],
    identifier: Identifier,
    clock: Clock,
    listener: RemoteProgress,
    heard: Callable[[str], None] | None = None,
    watch: Callable[[], None] = lambda: None,
) -> int:
    try:
        return run(
            script,
            arguments,
            environment=environment(),
            clock=clock,
            on_line=heard or listener.new_message_handler(),
            watch=watch,
        )
    except TimeUp as up:
        raise failures.silent(identifier, up.seconds, up.heard) from up
    except OSError as error:
        raise SourceError(f"{identifier.typed}: git could not be run: {error}") from error


def _listener(step: Callable[[str, float, float, str], None]) -> RemoteProgress:
    """GitPython's reader of git's progress, handing each step on."""
    from git import RemoteProgress

    words = {
        RemoteProgress.RECEIVING: "receiving",
        RemoteProgress.RESOLVING: "resolving",
        RemoteProgress.COUNTING: "counting",
        RemoteProgress.COMPRESSING: "compressing",
        RemoteProgress.CHECKING_OUT: "checking out",
    }

    class Listener(RemoteProgress):
        def update(
            self,
            op_code: int,
            cur_count: str | float,
            max_count: str | float | None = None,
            message: str = "",
        ) -> None:
            word = words.get(op_code & self.OP_MASK)
            if word and max_count:
                step(word, float(cur_count), float(max_count), message)

        def line_dropped(self, line: str) -> None:
            del self.other_lines[:-20]  # a server may talk without end

    return Listener()


def _refs(arguments: list[str]) -> tuple[list[str], str | None]:
    """The branches and tags that there are, for a hint, and the default branch if it is not there.

    None of them if they cannot be had quickly.
    """
    refs: list[str] = []
    unborn: list[str] = []

    def keep(line: str) -> None:
        if match := _LISTED.fullmatch(line):
            refs.append(match[1])
        elif match := _UNBORN.fullmatch(line):
            unborn.append(match[1])

    try:
        run(_LIST, arguments, environment=environment(), clock=_LIST_CLOCK, on_line=keep)
    except (TimeUp, OSError):
        return [], None
    tags = {ref.removesuffix("^{}") for ref in refs}
    return [ref for ref in dict.fromkeys(refs) if ref in tags], next(iter(unborn), None)
