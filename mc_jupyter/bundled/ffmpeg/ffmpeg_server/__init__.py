"""A small server for FFmpeg; it runs in a container, on Debian's Python and aiohttp.

It speaks the API of the published ffmpeg-service. Nothing of mc_jupyter is imported here.
"""

VERSION = "1.0.0"
