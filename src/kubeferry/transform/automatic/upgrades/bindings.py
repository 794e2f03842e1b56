"""Role bindings: subjects of ``v1alpha1`` have an ``apiVersion``, those after it a group."""

from kubeferry.kube.names import split_api_version
from kubeferry.transform.automatic.editor import Editor
from kubeferry.transform.change import Note

_GROUP = "rbac.authorization.k8s.io"
_EVERYBODY = Note("EverybodyBound", "the user * was everybody who is authenticated: a group now")
_GROUPS = {"ServiceAccount": "", "User": _GROUP, "Group": _GROUP}


def v1alpha1(editor: Editor) -> None:
    """Each subject gets an ``apiGroup``; the user ``*`` was everybody who is authenticated."""
    for path, subject in editor.items(("subjects",)):
        if not isinstance(subject, dict):
            continue
        version = editor.remove((*path, "apiVersion"))
        kind = subject.get("kind")
        group = _GROUPS.get(kind) if isinstance(kind, str) else None
        if group is None:
            group, _ = split_api_version(version) if isinstance(version, str) else ("", "")
        if group:
            editor.set((*path, "apiGroup"), group)
        if kind == "User" and subject.get("name") == "*":
            editor.set((*path, "kind"), "Group")
            editor.set((*path, "name"), "system:authenticated")
            editor.warn(
                Note("EverybodyBound", "the user * was everybody who is authenticated: a group now")
            )
