"""Speaking in chunks, at once or as a task, for the stand-in for chatterbox."""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from fastapi import HTTPException
from support.standin.servers import sound, speech
from support.standin.servers.speech import Voice

RATE = 24000
TOO_MANY = 3


def chunks_of(text: str, size: int | None) -> list[str]:
    """Split a text at the ends of sentences into chunks of about `size` characters."""
    if size is None or len(text) <= size * 1.5:
        return [text]
    chunks = [""]
    for sentence in re.split(r"(?<=[.!?])\s+", text.strip()):
        if chunks[-1] and len(chunks[-1]) + len(sentence) >= size:
            chunks.append(sentence)
        else:
            chunks[-1] = f"{chunks[-1]} {sentence}".strip()
    return chunks


@dataclass(frozen=True)
class Job:
    """What is to be spoken, by whom, how fast, and in which format."""

    chunks: list[str]
    voice: Voice
    speed: float
    format: str

    def run(self, slow: float, before: Callable[[int], None] = lambda number: None) -> bytes:
        """Speak it; `before` is called before each chunk with its number."""
        pieces = []
        for number, chunk in enumerate(self.chunks):
            before(number)
            time.sleep(slow)
            spoken = speech.say(chunk, self.voice, self.speed)
            pieces.append(sound.resample(spoken.samples, spoken.rate, RATE))
        return sound.encode(np.concatenate(pieces), RATE, self.format)


class _Cancelled(Exception):
    pass


@dataclass
class Task:
    """A job that runs beside the event loop."""

    job: Job
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "queued"
    completed: int = 0
    error: str | None = None
    result: bytes | None = None
    created: float = field(default_factory=time.time)
    updated: float = field(default_factory=time.time)
    ending: threading.Event = field(default_factory=threading.Event)

    def told(self) -> dict[str, Any]:
        """What the status route says."""
        total = len(self.job.chunks)
        stage = f"Synthesizing chunk {min(self.completed + 1, total)}/{total}"
        return {
            "task_id": self.id,
            "status": self.status,
            "progress": 100.0 if self.status == "completed" else 100.0 * self.completed / total,
            "current_stage": stage if self.status == "processing" else self.status.capitalize(),
            "created_at": self.created,
            "updated_at": self.updated,
            "total_chunks": total,
            "completed_chunks": self.completed,
            "error_message": self.error,
            "result_available": self.result is not None,
        }

    def run(self, slow: float, fails: bool) -> None:
        """Do it, in a thread of its own."""
        self.status = "processing"

        def before(number: int) -> None:
            self.completed, self.updated = number, time.time()
            if self.ending.is_set():
                raise _Cancelled
            if fails and number == min(1, len(self.job.chunks) - 1):
                raise RuntimeError(f"TTS engine failed to synthesize audio for chunk {number + 1}.")

        try:
            self.result = self.job.run(slow, before)
            if self.ending.is_set():
                raise _Cancelled
            self.completed, self.status = len(self.job.chunks), "completed"
        except _Cancelled:
            self.result, self.status = None, "cancelled"
        except Exception as error:
            self.error, self.status = str(error), "failed"
        self.updated = time.time()


class Tasks:
    """The tasks of a server, in order."""

    def __init__(self, slow: float, fails: bool) -> None:
        self._slow, self._fails = slow, fails
        self._tasks: dict[str, Task] = {}

    @property
    def running(self) -> int:
        """How many are not done."""
        return sum(task.status in ("queued", "processing") for task in self._tasks.values())

    def every(self) -> list[Task]:
        """All of them."""
        return list(self._tasks.values())

    def get(self, id: str) -> Task:
        """Return one, or answer 404."""
        if id not in self._tasks:
            raise HTTPException(404, "Task not found")
        return self._tasks[id]

    def begin(self, job: Job) -> Task:
        """Start one."""
        task = Task(job)
        self._tasks[task.id] = task
        threading.Thread(target=task.run, args=(self._slow, self._fails), daemon=True).start()
        return task

    def end(self, id: str) -> str:
        """Cancel one that runs, remove one that is done; return the message."""
        task = self.get(id)
        if task.status in ("queued", "processing"):
            task.ending.set()
            return "Task cancelled"
        del self._tasks[id]
        return "Task removed"
