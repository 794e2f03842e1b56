import base64
import json
from pathlib import Path

import pytest

from kubeferry.cli import keyring
from kubeferry.cli.command import Flags
from kubeferry.clock import utc_now
from kubeferry.controller.resources import SECRETS
from kubeferry.errors import InvalidInput
from kubeferry.kube.client import Client
from kubeferry.kube.config import ClusterConfig
from kubeferry.kube.names import Resource
from kubeferry.sandbox import Sandbox
from kubeferry.vault.keys import SECRET, KeyRing, new_key, ring_document
from tests.builders import namespace, obj

NAMESPACES = Resource("", "v1", "namespaces", "Namespace", False)


async def test_one_damaged_entry_does_not_hide_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = new_key(clock=utc_now)
    entries = {"a": b"{", "b": ring_document(KeyRing((key,)))}
    data = {name: base64.b64encode(value).decode() for name, value in entries.items()}
    async with Sandbox() as sandbox:
        async with Client(ClusterConfig(server=sandbox.server)) as client:
            await client.create(NAMESPACES, namespace("csdr"))
            secret = obj("v1/Secret", f"csdr/{SECRET}").with_(data=data)
            await client.create(SECRETS, secret, namespace="csdr")
        cluster = {"name": "c", "cluster": {"server": sandbox.server}}
        context = {"name": "c", "context": {"cluster": "c"}}
        config = {"clusters": [cluster], "contexts": [context], "current-context": "c"}
        (tmp_path / "config").write_text(json.dumps(config))
        with pytest.raises(InvalidInput, match="vault a: holds no keys of a vault"):
            await keyring.get(Flags(str(tmp_path / "config")), [])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1:] == [
        ["a", "damaged", "<none>", "<none>", "<none>"],
        ["b", "1", key.id, "0s", "refused"],
    ]
