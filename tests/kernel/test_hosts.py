"""A service beyond this machine in a notebook: proxy, certificate and key of the environment."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

import trustme
from support.kernel import MODEL, Kernel
from support.scripted_ollama import ScriptedOllama
from support.tls import Proxy, TlsFront

SECRET = "sk-0123456789abcdef"


def test_a_host_with_proxy_certificate_and_key(tmp_path: Path) -> None:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with (
        ScriptedOllama(token=SECRET) as server,
        TlsFront(urlsplit(server.url).port or 0, ca.issue_cert("service.example")) as front,
        Proxy({"service.example:443": front.port}) as proxy,
    ):
        env = {
            "MC_JUPYTER_HOME": str(tmp_path / "home"),
            "HTTPS_PROXY": proxy.url,
            "HTTP_PROXY": "http://127.0.0.1:9",
            "SSL_CERT_FILE": str(tmp_path / "ca.pem"),
            "MY_KEY": SECRET,
        }
        kernel = Kernel(env, str(tmp_path))
        try:
            kernel.run("%load_ext mc_jupyter")
            seen = [kernel.run("%mc load https://service.example --as far")]
            assert "AccessError" in seen[0].error
            assert "--key-env NAME" in seen[0].error
            loading = "%mc load https://service.example --as far --key-env"
            seen.append(kernel.run(f"{loading} NO_SUCH"))
            assert "NO_SUCH is not set" in seen[-1].error
            seen.append(kernel.run(f"{loading} MY_KEY"))
            assert not seen[-1].error
            seen.append(kernel.run(f"%%ollama {MODEL} --host far\nhi"))
            assert not seen[-1].error
            assert seen[-1].last["data"]["text/plain"] == "Hello from the script."
            for line in ("%mc", "%mc status far", "%mc info far", "%mc doctor", "%mc panel"):
                seen.append(kernel.run(line))
            assert "in the variable MY_KEY" in seen[-3].text
            assert server.requests[-1].headers["authorization"] == f"Bearer {SECRET}"
            shown = [one.error + json.dumps(one.outputs(), default=str) for one in seen]
            assert SECRET not in "".join(shown)
            assert SECRET not in kernel.value("repr(_answer) + repr(vars(_answer))")
            files = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
            assert not any(SECRET.encode() in path.read_bytes() for path in files)
        finally:
            kernel.close()
