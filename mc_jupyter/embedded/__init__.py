"""The embedded Ollama-API server: a program of its own over llama.cpp and a small real model.

``python -P -m mc_jupyter.embedded serve`` answers the Ollama HTTP API on a loopback port, for
machines without Docker. It imports nothing of ours but the errors.

How a prompt goes through it::

    __main__, cli, commands     the program: arguments, serve, pull
    server                      who may ask, how errors look, start and end
    routes, answering           one handler for each route; answering has generate and chat
    requests, options           what was asked, checked: nothing is dropped in silence
    models, gguf, catalogue     which models there are, and what they say of themselves
    residents                   which of them are in memory, and for how long
    engine, wire, worker        one model in a process of its own, spoken with over a socket

    pulls, weights, download, pip_report     fetching weights: shared, resumed, checked

The model runs in a worker process, one for each model in memory, so that unloading gives all
memory back, a model that crashes takes nothing else down, loading never holds up an answer,
and llama.cpp's own server has no port that anybody else could reach.
"""
