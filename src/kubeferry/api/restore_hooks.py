"""``spec.hooks`` of a restore: commands in restored pods, init containers added to them (velero.md
§3.11).
"""

from typing import Annotated, Any

from msgspec import Meta, field

from kubeferry.api.definition import Rule
from kubeferry.api.fields import Duration, Strict
from kubeferry.api.hooks import Command, HookPods, OnError

WAIT_SECONDS = 4 * 3600.0
"""How long a container is waited for where nothing is said: Velero's ``itemOperationTimeout``."""

_REQUIRED: dict[str, dict[str, Any]] = {
    "name": {
        "description": "Of the container; another one than the pod's own.",
        "type": "string",
        "minLength": 1,
        "maxLength": 63,
    },
    "image": {
        "description": "It is mapped as all images are.",
        "type": "string",
        "minLength": 1,
    },
    "command": {
        "description": "The program and its arguments.",
        "type": "array",
        "items": {"type": "string"},
        "minItems": 1,
    },
}

InitContainer = Annotated[
    dict[str, Any],
    Meta(
        extra_json_schema={
            "required": list(_REQUIRED),
            "properties": _REQUIRED,
            "x-kubernetes-preserve-unknown-fields": True,
        }
    ),
]
"""A container of a pod, as Kubernetes has it; only what is required of it is ours to say."""


class ExecRestoreHook(Strict, kw_only=True, frozen=True):
    """A command that is run in a container of a restored pod, once that container runs."""

    command: Annotated[Command, Meta(description="The program and its arguments; no shell.")]
    container: Annotated[str, Meta(max_length=63, description="Empty: the pod's first.")] = ""
    on_error: Annotated[
        OnError,
        Meta(description="Fail: the pod's remaining hooks are not run. It is an error either way."),
    ] = "Continue"
    exec_timeout: Annotated[
        Duration,
        Meta(
            description="How long the command may take, at most 4h; 0s is as if nothing was said."
        ),
    ] = "30s"
    wait_timeout: Annotated[
        Duration,
        Meta(
            description="How long the container is waited for, at most 4h; 0s is as if nothing "
            "was said."
        ),
    ] = "4h0m0s"
    wait_for_ready: Annotated[
        bool, Meta(description="Whether the container must be ready, not only running.")
    ] = False


class InitRestoreHook(Strict, kw_only=True, frozen=True):
    """Init containers that restored pods get before their own."""

    init_containers: Annotated[
        list[InitContainer],
        Meta(
            min_length=1,
            max_length=20,
            description="As in a pod; name, image and command are required.",
        ),
    ]
    timeout: Annotated[
        Duration,
        Meta(description="How long their end is waited for, at most 4h; 0s: it is not."),
    ] = "0s"


class RestoreHook(Strict, kw_only=True, frozen=True):
    """What is done with a restored pod: one of the two, or both."""

    exec: Annotated[ExecRestoreHook | None, Meta(description=ExecRestoreHook.__doc__)] = None
    init: Annotated[InitRestoreHook | None, Meta(description=InitRestoreHook.__doc__)] = None


class RestoreHookGroup(HookPods, kw_only=True, frozen=True):
    """Hooks and the pods they are for; namespaces are those of the target."""

    post_hooks: Annotated[
        list[RestoreHook], Meta(max_length=100, description="In the order in which they are run.")
    ] = field(default_factory=list)


class RestoreHooks(Strict, kw_only=True, frozen=True):
    """What is done with restored pods; a pod's annotations come before it."""

    resources: Annotated[
        list[RestoreHookGroup], Meta(max_length=100, description=RestoreHookGroup.__doc__)
    ] = field(default_factory=list)


RULES = {
    "spec.hooks.resources[].postHooks[]": (
        Rule("has(self.exec) || has(self.init)", "a hook has exec or init"),
    )
}
"""What the API server checks beside the types."""
