"""Stand-ins for five services: their documented HTTP APIs over engines that fit anywhere.

Speech comes from espeak-ng, recognition from PocketSphinx, pictures from Pillow. They are never
the real thing and say so: in their first log line and at ``GET /standin``. Their libraries are
in a folder of their own (:mod:`support.standin.packages`), so only
``python -m support.standin.servers NAME`` imports the modules here.
"""
