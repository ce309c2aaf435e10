"""The embedded Ollama-API server: a program of its own over llama.cpp and a small real model.

``python -P -m mc_jupyter.embedded serve`` answers the Ollama HTTP API on a loopback port, for
machines without Docker. It imports nothing of ours but the errors.

How one prompt goes through it::

    __main__  ->  server (token, routes)  ->  answering  ->  requests, options (what was asked)
                                                |
         library (which models) <---------------+-----> residents (which are in memory)
         catalogue, weights, download, gguf                 |
                                                         engine  <- unix socket ->  worker

The model runs in a worker process, one for each model in memory: unloading gives all memory
back, a model that crashes takes nothing else down, and loading never holds up an answer.
"""
