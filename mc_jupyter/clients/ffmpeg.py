"""The FFMPEG service: its documented API, as the published server and the bundled one serve it.

Where its TypeScript client and its server disagree, this follows the server: sound and video come
back as bytes with their figures in headers, frames as paths to be fetched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from ..errors import InputError, ResponseError
from ..events import Event, Report, silent
from .base import ServiceClient, as_text, at_work
from .content import Content, Product, content_type_of
from .faults import one_line
from .ffmpeg_answers import figures, metadata, refined
from .ffmpeg_options import OPTIONS, audio_form, filter_form, frame_forms
from .lines import log
from .loads import amount, count
from .option import check
from .parts import as_part, check_sizes
from .upload import Upload

__all__ = ["OPTIONS", "FfmpegClient"]

_MB = 1024 * 1024
_MOST_MB, _MOST_FILES = 500, 10  # of the published server, which states neither


class FfmpegClient(ServiceClient):
    """A client of one FFMPEG service.

    Parameters
    ----------
    url, token, limits, name, changed
        As for every client (:class:`~mc_jupyter.clients.base.ServiceClient`). A conversion may
        take long: its first byte is waited for without a limit.
    """

    _kind = "ffmpeg"
    _refine = staticmethod(refined)

    def health(self) -> dict[str, Any]:
        """Return what the service says of itself: version, ffmpegVersion, activeJobs and more.

        Raises
        ------
        ResponseError
            It has no ffmpeg, or it is no FFMPEG service.
        """
        said = self._http.get("/health")
        data = said.get("data") if isinstance(said, dict) else None
        if not isinstance(data, dict) or "ffmpegVersion" not in data:
            raise self._wrong("this is no FFMPEG service: /health has no ffmpegVersion")
        return data

    def info(self, upload: Upload, *, report: Report = silent, **options: Any) -> dict[str, Any]:
        """Return what is in a file.

        Parameters
        ----------
        upload
            The file.
        report
            Told of the sending.
        options
            There are none.

        Returns
        -------
        dict
            Of these what there is: ``format duration size bitrate width height fps video_codec
            audio_codec channels sample_rate``, in seconds, bytes, bits a second and pixels.
        """
        check(OPTIONS["info"], options, f"{self.name} info")
        data = self._data("/video/metadata", [("video", upload)], {}, "reading", report)
        return metadata(data)

    def extract_audio(
        self,
        upload: Upload,
        *,
        format: str | None = None,
        report: Report = silent,
        **options: Any,
    ) -> Product:
        """Return the sound of a video.

        Parameters
        ----------
        upload
            The video.
        format
            None is wav.
        options
            See ``OPTIONS["extract-audio"]``.
        report
            Told of the sending, the work and the answer.

        Raises
        ------
        InputError
            The service does not take the file: its kind or its size. Nothing was sent.
        OptionError
            An option is unknown or wrong, or would be ignored.
        ResponseError
            The service failed.
        """
        given = {"format": format, **options}
        form = audio_form(given, self.name)
        files = [("video", upload)]
        return self._bytes("/video/extractAudio", files, form, given, "audio", report)

    def convert(
        self,
        upload: Upload,
        *,
        format: str | None = None,
        report: Report = silent,
        **options: Any,
    ) -> Product:
        """Return sound in another format; parameters and errors as for :meth:`extract_audio`."""
        given = {"format": format, **options}
        form = audio_form(given, self.name)
        return self._bytes("/audio/convert", [("audio", upload)], form, given, "audio", report)

    def filter(
        self,
        uploads: Sequence[Upload],
        filter_complex: str,
        *,
        report: Report = silent,
        **options: Any,
    ) -> Product:
        """Return the video that a filter graph makes of one or more files.

        Parameters
        ----------
        uploads
            The files: ``[0:v]``, ``[1:a]`` and so on in the graph.
        filter_complex
            The graph in FFmpeg's words; its picture ends in ``[final_video]`` or `video_label`.
        options
            See ``OPTIONS["filter"]``.
        report, raises
            As for :meth:`extract_audio`.
        """
        form = filter_form(filter_complex, options, self.name)
        files = [(f"video{number}", upload) for number, upload in enumerate(uploads)]
        given = {"filter": filter_complex, **options}
        return self._bytes("/video/filter", files, form, given, "video", report)

    def frame(
        self,
        upload: Upload,
        *,
        times: float | Sequence[float] | str | None = None,
        report: Report = silent,
        **options: Any,
    ) -> list[Product]:
        """Return pictures out of a video.

        Parameters
        ----------
        upload
            The video; sent once for each moment.
        times
            The moment in seconds, or several; None leaves it to the service, which takes 1 s.
        options
            See ``OPTIONS["frame"]``: `number` in place of times, or `frame_rate` for many.
        report, raises
            As for :meth:`extract_audio`.
        """
        forms = frame_forms(times, options, self.name)
        products: list[Product] = []
        for form in forms:
            files = [("video", upload)]
            data = self._data("/video/extractFrame", files, form, "taking frames", report)
            frames = data.get("frames")
            if not isinstance(frames, list):
                raise self._wrong("/video/extractFrame answered without 'frames'")
            asked = {**options, "times": form.get("frameTime")}
            settings = {name: value for name, value in asked.items() if value is not None}
            products += [self._fetched(frame, settings, report) for frame in frames]
        if not products:
            raise InputError(
                f"{self.name}: {upload.called} has no frame there", "another moment: --times 0"
            )
        return products

    def _fetched(self, frame: Any, settings: Mapping[str, Any], report: Report) -> Product:
        path = frame.get("path") if isinstance(frame, dict) else None
        if not isinstance(path, str) or not path.startswith("/") or path.startswith("//"):
            raise self._wrong(f"/video/extractFrame named a frame's path {path!r}")
        content, _ = self._http.fetch("GET", path, limit="silence", report=report)
        if not content.content_type.startswith("image/"):
            content.content_type = content_type_of(path)
        try:
            self._http.call("DELETE", path)  # the bundled server; the published one keeps them
        except ResponseError as error:
            if error.status not in (404, 405):
                report(Event("note", f"{path} stays on the server: {error.message}", keep=True))
        facts = {"time": amount(frame.get("frameTime"))}
        facts |= {"number": count(frame.get("frameNumber")), "index": count(frame.get("index"))}
        known = {name: value for name, value in facts.items() if value is not None}
        return Product(content, settings=settings, facts=known)

    def _bytes(
        self,
        path: str,
        files: Sequence[tuple[str, Upload]],
        form: Mapping[str, Any],
        given: Mapping[str, Any],
        kind: str,
        report: Report,
    ) -> Product:
        """What a route makes, which answers with its bytes."""
        content, headers = self._sent(path, files, form, "converting", report)
        if not content.content_type.startswith((f"{kind}/", "application/octet")):
            if content.content_type == "application/json":
                self._refuse(self._object(content, path), path)
            raise self._wrong(f"{path} answered with {content.content_type}, not with {kind}")
        if not content.size:
            raise self._wrong(f"{path} answered with no bytes", log(self.name))
        if form.get("outputFormat"):  # every video is labelled video/mp4
            content.content_type = content_type_of(f"x.{form['outputFormat']}")
        settings = {name: value for name, value in given.items() if value is not None}
        return Product(content, settings=settings, facts=figures(headers))

    def _data(
        self,
        path: str,
        files: Sequence[tuple[str, Upload]],
        form: Mapping[str, Any],
        doing: str,
        report: Report,
    ) -> dict[str, Any]:
        """The `data` that a route answers with."""
        content, _ = self._sent(path, files, form, doing, report)
        said = self._object(content, path)
        data = said.get("data")
        if said.get("success") is not True or not isinstance(data, dict):
            self._refuse(said, path)
        return data

    def _refuse(self, said: Mapping[str, Any], path: str) -> NoReturn:
        """Raise what a JSON answer says in place of what was asked for."""
        reason = said.get("error") or said.get("message")
        if said.get("success") is False and reason:
            raise self._wrong(f"{path} failed: {one_line(str(reason))}", log(self.name))
        raise self._wrong(
            f"{path} answered with JSON that is no result: {one_line(', '.join(said))}"
        )

    def _sent(
        self,
        path: str,
        files: Sequence[tuple[str, Upload]],
        form: Mapping[str, Any],
        doing: str,
        report: Report,
    ) -> tuple[Content, Mapping[str, str]]:
        parts = [(field, as_part(upload, self.name)) for field, upload in files]
        check_sizes([upload for _, upload in parts], *self._most(), self.name)
        fields = {name: as_text(value) for name, value in form.items()}
        with at_work(f"{self.name} is {doing}", report) as told_of:
            return self._http.fetch("POST", path, form=fields, files=parts, report=told_of)

    def _most(self) -> tuple[int, int]:
        """Bytes of a file and files of a request, as the server states them."""
        try:
            said = self._http.get("/")
        except ResponseError:
            said = None
        stated = said.get("limits") if isinstance(said, dict) else None
        stated = stated if isinstance(stated, dict) else {}
        size, files = count(stated.get("maxFileSizeMB")), count(stated.get("maxFiles"))
        return (
            (_MOST_MB if size is None else size) * _MB,
            _MOST_FILES if files is None else files,
        )
