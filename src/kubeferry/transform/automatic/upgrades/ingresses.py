"""Ingresses: backends and path types of ``networking.k8s.io/v1``."""

from typing import Any

from kubeferry.transform.automatic.editor import Editor, Path
from kubeferry.transform.automatic.upgrades.conversion import DEFAULT


def ingress(editor: Editor) -> None:
    """``backend`` is ``defaultBackend``, names and ports of Services are nested, each path has a
    type. The class stays where it is written.
    """
    editor.move(("spec", "backend"), ("spec", "defaultBackend"))
    _backend(editor, ("spec", "defaultBackend"))
    for rule, _ in editor.items(("spec", "rules")):
        for path, entry in editor.items((*rule, "http", "paths")):
            _backend(editor, (*path, "backend"))
            if isinstance(entry, dict):
                editor.default((*path, "pathType"), "ImplementationSpecific", cause=DEFAULT)


def _backend(editor: Editor, path: Path) -> None:
    old = editor.get(path)
    if not isinstance(old, dict) or not old.keys() & {"serviceName", "servicePort"}:
        return
    service: dict[str, Any] = {"name": old.get("serviceName", "")}
    port = _port(old.get("servicePort"))
    if port:
        service["port"] = port
    kept = {key: old[key] for key in old if key not in ("serviceName", "servicePort")}
    editor.set(path, {"service": service, **kept})


def _port(port: object) -> dict[str, Any]:
    """A port by number or by name; a number written as text is a number."""
    if isinstance(port, str) and port.isascii() and port.isdigit():
        port = int(port[:9])
    if isinstance(port, int) and not isinstance(port, bool):
        return {"number": port} if port else {}
    return {"name": port} if isinstance(port, str) and port else {}
