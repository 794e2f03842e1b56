"""What only workloads of the restore make served: an APIService's kinds, a webhook's conversions.

The servers behind are programs of this test, which begin to answer only when the restore has made
the Deployment that stands for them. The API server finds them by Services of type ExternalName.
"""

import base64
import json
import ssl
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.foreign import writer
from tests.foreign.writer import Backup, Item
from tests.pki import Authority
from tests.processes import free_ports
from tests.real import archives
from tests.real.ferries import Site
from tests.s3server import S3Server
from tests.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.s3]

NAME, NS = "served-later", "sl-shop"
EXTENDED, CONVERTED = "extended.sl.example.org", "converted.sl.example.com"


class Behind(BaseHTTPRequestHandler):
    """An extension API server and a conversion webhook in one."""

    objects: dict[str, dict[str, Any]]

    def do_GET(self) -> None:
        if self.path.startswith(f"/apis/{EXTENDED}/v1/namespaces/{NS}/gadgets"):
            name = self.path.partition("gadgets/")[2].partition("?")[0]
            if name:
                found = self.objects.get(name)
                self._answer(200 if found else 404, found or {"kind": "Status", "code": 404})
            else:
                items = {"kind": "GadgetList", "items": list(self.objects.values())}
                self._answer(200, {"apiVersion": f"{EXTENDED}/v1", "metadata": {}, **items})
        else:
            served = {"name": "gadgets", "kind": "Gadget", "namespaced": True, "singularName": ""}
            resources = [served | {"verbs": ["create", "get", "list"]}]
            about = {"kind": "APIResourceList", "apiVersion": "v1"}
            self._answer(200, {**about, "groupVersion": f"{EXTENDED}/v1", "resources": resources})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if body["kind"] == "ConversionReview":
            wanted = body["request"]["desiredAPIVersion"]
            objects = [one | {"apiVersion": wanted} for one in body["request"]["objects"]]
            answer = {"uid": body["request"]["uid"], "convertedObjects": objects}
            answer["result"] = {"status": "Success"}
            about = {"apiVersion": body["apiVersion"], "kind": "ConversionReview"}
            self._answer(200, about | {"response": answer})
            return
        body["metadata"]["uid"] = str(uuid.uuid4())
        if "dryRun" not in self.path:
            self.objects[body["metadata"]["name"]] = body
        self._answer(201, body)

    def _answer(self, code: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@contextmanager
def answering(port: int, authority: Authority) -> Iterator[dict[str, dict[str, Any]]]:
    """The server; what was created in it."""
    hosts = ["localhost", f"converter.{NS}.svc", f"extension.{NS}.svc"]
    pair = authority.server("behind", ["127.0.0.1"], hosts)
    handler = type("Handler", (Behind,), {"objects": {}})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield handler.objects  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def named(api_version: str, kind: str, name: str, namespace: str = "", **fields: Any) -> Any:
    about = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": api_version, "kind": kind, "metadata": about, **fields}


def service(name: str, port: int) -> Any:
    spec = {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]}
    return Item("services", named("v1", "Service", name, NS, spec=spec))


def archived(port: int, authority: Authority) -> list[Item]:
    """The archive's objects, what depends on the servers among the first."""
    names = {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"}
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    versions = [
        {
            "name": name,
            "served": True,
            "storage": name == "v2",
            "schema": {"openAPIV3Schema": anything},
        }
        for name in ("v1", "v2")
    ]
    bundle = base64.b64encode(authority.certificate.read_bytes()).decode()
    behind = {"namespace": NS, "name": "converter", "path": "/convert", "port": port}
    webhook = {
        "conversionReviewVersions": ["v1"],
        "clientConfig": {"service": behind, "caBundle": bundle},
    }
    definition = named(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        f"things.{CONVERTED}",
        spec={
            "group": CONVERTED,
            "scope": "Namespaced",
            "names": names,
            "versions": versions,
            "conversion": {"strategy": "Webhook", "webhook": webhook},
        },
    )
    extension = named(
        "apiregistration.k8s.io/v1",
        "APIService",
        f"v1.{EXTENDED}",
        spec={
            "group": EXTENDED,
            "version": "v1",
            "groupPriorityMinimum": 1000,
            "versionPriority": 15,
            "insecureSkipTLSVerify": True,
            "service": {"namespace": NS, "name": "extension", "port": port},
        },
    )
    labels = {"app": "operator"}
    container = {"name": "main", "image": "operator:1"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    return [
        Item(f"gadgets.{EXTENDED}", named(f"{EXTENDED}/v1", "Gadget", "first", NS)),
        Item(f"things.{CONVERTED}", named(f"{CONVERTED}/v1", "Thing", "old", NS)),
        Item("customresourcedefinitions.apiextensions.k8s.io", definition),
        Item("apiservices.apiregistration.k8s.io", extension),
        service("converter", port),
        service("extension", port),
        Item("deployments.apps", named("apps/v1", "Deployment", "operator", NS, spec=spec)),
    ]


def test_they_come_last_and_are_waited_for(target: Site, s3: S3Server, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    [port] = free_ports(1)
    writer.write(s3.folder / "cnfs-oss-test" / NAME, Backup(NAME, archived(port, authority)))
    target.register(NAME, prefix=NAME)
    cluster = target.cluster
    with ExitStack() as stack:
        stack.callback(cluster.run, "delete", "namespace", NS, "--wait=false")
        stack.callback(
            cluster.kubectl, "delete", "apiservice", f"v1.{EXTENDED}", "--ignore-not-found"
        )
        stack.callback(
            cluster.kubectl, "delete", "crd", f"things.{CONVERTED}", "--ignore-not-found"
        )
        target.restore(NAME, NAME)
        made = ("get", "deployment", "operator", "-n", NS)
        until(lambda: not cluster.run(*made).returncode, what="the workload is there", seconds=60)
        time.sleep(3)  # and needs a moment
        created = stack.enter_context(answering(port, authority))
        status = target.ended("applicationrestore", NAME)["status"]
        assert status["phase"] == "Completed", status
        assert created.keys() == {"first"}
        assert cluster.get(f"things.v1.{CONVERTED}", "old", "-n", NS)["kind"] == "Thing"
        lines = archives.restore_items(s3.folder / "cnfs-oss-test", NAME, NAME)
        last = [one["target"][2] for one in lines][-2:]
        assert sorted(last) == ["first", "old"]
