"""RuntimeClasses: ``v1alpha1`` has a ``spec``, the versions after it have not."""

from kubeferry.transform.automatic.editor import Editor


def v1alpha1(editor: Editor) -> None:
    """The fields of the spec are those of the object, ``runtimeHandler`` is ``handler``."""
    spec = editor.remove(("spec",))
    if not isinstance(spec, dict):
        return
    for old, new in (("runtimeHandler", "handler"), ("overhead", None), ("scheduling", None)):
        if spec.get(old) is not None:
            editor.set((new or old,), spec[old])
