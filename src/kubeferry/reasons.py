"""Every reason code, what it means and what to do: for docs/errors.md and ``describe``. Pure.

The texts are in the pages' own form, Markdown; ``advice`` tells a terminal without it.
"""

import re
from typing import NamedTuple


class Reason(NamedTuple):
    """A reason code.

    Attributes:
        name: the code, as a journal, a status or a log has it.
        level: ``error``, ``warning``, ``note`` or ``skipped``, with words where it depends; empty
            for a reason of a command or a failed task.
        what: what happened.
        advice: what to do, empty where that is nothing.
    """

    name: str
    level: str
    what: str
    advice: str


OF_TASKS = (
    Reason(
        "InvalidInput",
        "",
        "a field or option cannot be: the message has its path",
        "correct it; a task needs a new name",
    ),
    Reason(
        "InvalidModifier",
        "",
        "a resource modifier does not parse or asks for what is refused",
        "correct the rule it names: [modifiers](modifiers.md)",
    ),
    Reason(
        "ModifierAborts",
        "",
        "a modifier's rule failed that says `onError: abort`; the object is named",
        "correct the rule or the object: [modifiers](modifiers.md#when-a-rule-fails)",
    ),
    Reason(
        "InvalidConfiguration",
        "",
        "no usable kubeconfig, a wrong `KUBEFERRY_` variable, or kubeferry is not installed",
        "see [settings](settings.md); `kubeferry install`",
    ),
    Reason(
        "ApiError",
        "",
        "the API server failed with an answer of no known kind",
        "its message; the API server's log",
    ),
    Reason(
        "BadRequest",
        "",
        "the API server did not understand",
        "a server too old, or a fault of kubeferry's",
    ),
    Reason(
        "Unauthorized",
        "",
        "credentials are not accepted",
        "`kubectl auth whoami`; log in again. A task stays `InProgress` and goes on",
    ),
    Reason(
        "Forbidden",
        "",
        "RBAC or an admission plugin says no",
        "`kubectl auth can-i`; ask for the right",
    ),
    Reason(
        "NotFound",
        "",
        "no such object, or kubeferry is not installed",
        "check the name and `-n`; `kubeferry install`",
    ),
    Reason(
        "MethodNotAllowed",
        "",
        "the kind does not know the verb",
        "leave the kind out",
    ),
    Reason(
        "AlreadyExists",
        "",
        "the name is taken",
        "choose another: a task runs once",
    ),
    Reason(
        "Conflict",
        "",
        "the object changed in between",
        "try again",
    ),
    Reason(
        "Expired",
        "",
        "a list took too long for the server to remember",
        "try again; it is retried by itself first",
    ),
    Reason(
        "Invalid",
        "",
        "the object fails validation; fields are named",
        "correct them, in a restore by a modifier",
    ),
    Reason(
        "TooManyRequests",
        "",
        "the API server is overloaded, and stayed so",
        "wait; kubeferry has slowed down already",
    ),
    Reason(
        "ExecNotBegun",
        "",
        "a command did not get through to its container: the kubelet is away, or the container "
        "does not run; nothing was run",
        "see whether the node is ready; then run again",
    ),
    Reason(
        "ExecLost",
        "",
        "the connection to a command in a container broke: how it ended is not known",
        "it may still run: look into the container, then run again",
    ),
    Reason(
        "ExecTimeout",
        "",
        "a command in a container took too long; it may still run",
        "give it more time; see why it hangs",
    ),
    Reason(
        "ServerTimeout",
        "",
        "the API server did not answer in time",
        "try again",
    ),
    Reason(
        "ApiUnreachable",
        "",
        "no answer at all",
        "the network, the kubeconfig's server. A task stays `InProgress` and goes on",
    ),
    Reason(
        "VaultUnavailable",
        "",
        "the storage cannot be reached, written or read; its own reason is told",
        "[vaults](vaults.md#is-it-usable)",
    ),
    Reason(
        "EncryptionRefused",
        "",
        "the storage or its key service cannot encrypt or decrypt, or may not",
        "the rights and the key's state: [vaults](vaults.md#encryption)",
    ),
    Reason(
        "VaultMismatch",
        "",
        "not the vault it was registered as: another region, or an annotation that differs",
        "use the values the message names",
    ),
    Reason(
        "VaultError",
        "",
        "the storage failed in another way",
        "its message",
    ),
    Reason(
        "ObjectMissing",
        "",
        "a file of the vault is gone",
        "use another backup",
    ),
    Reason(
        "AlreadyStored",
        "",
        "a file that should be new is there",
        "choose another name",
    ),
    Reason(
        "BackupExists",
        "",
        "the backup's name is taken in the vault, by this or another cluster",
        "choose another name",
    ),
    Reason(
        "BackupMissing",
        "",
        "no such backup, or it never finished",
        "`kubeferry backup get`; is its vault registered?",
    ),
    Reason(
        "ArchiveError",
        "",
        "the archive cannot be used",
        "use another backup",
    ),
    Reason(
        "ArchiveDamaged",
        "",
        "truncated, not gzip, not tar, not JSON, far too large, or a file of it is gone",
        "use another backup",
    ),
    Reason(
        "ChecksumMismatch",
        "",
        "a file is not what was written",
        "use another backup; find out who changed it",
    ),
    Reason(
        "ArchiveUnsigned",
        "",
        "no key of the vault has signed the backup, and the cluster has keys for it",
        "import the other cluster's key, or allow unsigned ones: "
        "[vaults](vaults.md#a-key-against-forgery)",
    ),
    Reason(
        "ArchiveForged",
        "",
        "the backup's signature is wrong: its files were changed by somebody without the key",
        "do not use it; find out who can write to the vault",
    ),
    Reason(
        "PatchFailed",
        "",
        "a patch does not fit the object",
        "correct the rule",
    ),
    Reason(
        "PatchTestFailed",
        "",
        "a `test` does not hold",
        "nothing: the rule is passed over",
    ),
    Reason(
        "TaskFailed",
        "",
        "the task that was waited for ended `Failed`; in a status: 5 controllers died of it",
        "`describe`: its message has the reason",
    ),
    Reason(
        "TaskIncomplete",
        "",
        "the task that was waited for ended `PartiallyFailed`",
        "`describe --details`",
    ),
    Reason(
        "Interrupted",
        "",
        "the lease was lost, or the process ended",
        "nothing: it is resumed",
    ),
    Reason(
        "Error",
        "",
        "something else",
        "`-v`; report it",
    ),
)
"""Why a command or a whole task fails; a task's ``status.message`` has one."""

OF_OBJECTS = (
    Reason(
        "Privileged",
        "skipped",
        "it gives rights over the cluster, and `privilegedResources` is `Skip`",
        "an administrator restores it",
    ),
    Reason(
        "NodeVolumesSkipped",
        "warning",
        "volumes that are directories or disks of nodes are left out, for `privilegedResources` is "
        "`Skip`; their claims are provisioned anew and are empty",
        "an administrator restores them",
    ),
    Reason(
        "StatusNotRestored",
        "warning",
        "`restoreStatus` asks for an object's status and it was not written: the right is "
        "missing, the kind has none, or the object has another version now",
        "as the message says",
    ),
    Reason(
        "ClaimKeepsVolume",
        "error",
        "`convertedarg` names a claim whose own volume is restored; it is restored unconverted",
        "leave the entry out, or copy the data",
    ),
    Reason(
        "ImagesRenamed",
        "warning",
        "a ConfigMap renames images in every restore",
        "remove it when it is not wanted any more: "
        "[images](restores.md#renaming-images-for-all-restores)",
    ),
    Reason(
        "ImageRowIgnored",
        "warning",
        "a row of that ConfigMap has no comma and changes nothing",
        "write `old,new`",
    ),
    Reason(
        "Identical",
        "skipped",
        "is there already, as the restore would make it",
        "",
    ),
    Reason(
        "Differs",
        "warning",
        "is there already, differs in the fields that are named, and was left as it is",
        "`existingResourcePolicy: update`, or map to another namespace: [what exists "
        "already](restores.md#what-exists-already)",
    ),
    Reason(
        "Exists",
        "warning",
        "is there already, in another version or too deeply nested, and could not be compared; "
        "was left as it is",
        "compare it by hand",
    ),
    Reason(
        "Controlled",
        "skipped",
        "is there already and belongs to a controller in the target",
        "",
    ),
    Reason(
        "VolumeTaken",
        "error",
        "the claim's own volume is in the target already and belongs to another claim: it was not "
        "created, for it would wait for ever",
        "leave the claim out, or make its data part of the backup; or create a claim of its name "
        "with a new volume by hand and copy the data",
    ),
    Reason(
        "OwnerNotRestored",
        "warning",
        "the object that it belonged to was to be restored and is not there: it belongs to nobody",
        "see what became of its owner; `kubectl patch` its `ownerReferences` once that is there",
    ),
    Reason(
        "OwnerThere",
        "skipped",
        "the workload that makes such objects is there already",
        "",
    ),
    Reason(
        "Terminating",
        "warning; error where it was deleted to be made anew",
        "is being deleted",
        "see its finalizers; restore again when it is gone",
    ),
    Reason(
        "ImmutableField",
        "error",
        "differs in what no update can change",
        "`existingResourcePolicy: recreate`; else delete it yourself: [what exists "
        "already](restores.md#what-exists-already)",
    ),
    Reason(
        "ClaimsAtRisk",
        "error",
        "a StatefulSet would get fewer replicas, and its policy deletes their claims then",
        "scale it yourself: [what exists already](restores.md#what-exists-already)",
    ),
    Reason(
        "Gone",
        "error",
        "it was written, and when the restore ended it was not there any more: the garbage "
        "collector, a controller or a person deleted it "
        "([is all of it there?](restores.md#is-all-of-it-there))",
        "find out who deletes it (the audit log tells), then restore again",
    ),
    Reason(
        "Unverified",
        "warning",
        "whether what was restored of a kind is still there is not known: it could not be listed",
        "as the message says",
    ),
    Reason(
        "Untold",
        "error",
        "objects of the plan have no result: a fault of kubeferry",
        "see which are missing by `restore describe --details`, restore again, and report it",
    ),
    Reason(
        "RolloutFollows",
        "note",
        "the pods that are named will be replaced by their controller: the workload's template "
        "is not that of its restored pods "
        "([rollouts](restores.md#rollouts-that-follow))",
        "",
    ),
    Reason(
        "NotReady",
        "error",
        "`waitForReady`: it was written and was not ready in time; the message says how far it is",
        "`kubectl describe` it",
    ),
    Reason(
        "QuotaExceeded",
        "error",
        "a quota of the target has no room; it was tried twice",
        "raise the quota, restore again",
    ),
    Reason(
        "RejectedByWebhook",
        "error",
        "an admission webhook, or policy, says no; its message is told",
        "as it says, perhaps by a modifier",
    ),
    Reason(
        "RejectedByPolicy",
        "error",
        "an admission webhook, or policy, says no; its message is told",
        "as it says, perhaps by a modifier",
    ),
    Reason(
        "WebhookUnreachable",
        "error",
        "a webhook does not answer. One whose Service is restored too was waited for, 2 minutes",
        "repair it, restore again",
    ),
    Reason(
        "TargetUnread",
        "warning",
        "of these kinds it is not known what is there already: they could not be listed; or "
        "whether a storage class is there",
        "ask for the right to list them, or to get it",
    ),
    Reason(
        "JournalUnproven",
        "warning",
        "a restore that was interrupted goes on, and a part of its journal is not sealed with "
        "the vault's key: what it tells was done again",
        "if no key was made meanwhile, find out who can write to the vault",
    ),
    Reason(
        "ModifierFailed",
        "error",
        "a rule did not apply; the object is created without it",
        "correct the rule or narrow its conditions",
    ),
    Reason(
        "ModifierSkipsObject",
        "error",
        "a rule did not apply that says `onError: skipObject`; the object is not created",
        "correct the rule or narrow its conditions",
    ),
    Reason(
        "PodsRuleMissing",
        "warning",
        "a rule changes the pods' template of workloads, and none changes their archived pods so",
        "add a rule for `pods` that does the same: "
        "[pods and their workloads](modifiers.md#pods-and-their-workloads)",
    ),
    Reason(
        "RuleKindUnknown",
        "warning",
        "a rule is for a kind that neither the backup nor the target has",
        "correct its `groupResource`, if it is not meant for another backup",
    ),
    Reason(
        "RuleMatchesNothing",
        "warning",
        "`modifiers lint`: no object of the backup meets a rule",
        "[explain](modifier-tools.md#explain) an object that should meet it",
    ),
    Reason(
        "StrategicNotForVelero",
        "note",
        "`modifiers lint --velero`: Velero has no strategic patches for a kind",
        "write `mergePatches` or `patches`, if Velero shall read the rules too",
    ),
    Reason(
        "NotForVelero",
        "note",
        "`modifiers lint --velero`: the rules are of a version that Velero does not have",
        "write `version: v1`, if Velero shall read the rules too",
    ),
    Reason(
        "ProtectedField",
        "error",
        "a rule changes a protected field; not created",
        "[what a rule must not change](modifiers.md#what-a-rule-must-not-change)",
    ),
    Reason(
        "ValueNotForVelero",
        "note",
        "a value that Velero would fail on; here it is the text itself",
        "put it in quotes",
    ),
    Reason(
        "KindNotServed",
        "error",
        "the cluster does not know the kind or version",
        "install what serves it, restore again",
    ),
    Reason(
        "ApiRemoved",
        "warning; skipped",
        "Kubernetes has no such kind any more",
        "as the message says: [API versions](restores.md#api-versions)",
    ),
    Reason(
        "ArchivedTwice",
        "skipped",
        "the archive has it under its old and its new group",
        "",
    ),
    Reason(
        "EmptySelector",
        "warning",
        "a PodDisruptionBudget of `policy/v1beta1` that selects no pod; it still selects none",
        "write a selector, or none",
    ),
    Reason(
        "EverybodyBound",
        "warning",
        "a binding of `v1alpha1` to the user `*`; it is to the group `system:authenticated` now",
        "check that it is meant",
    ),
    Reason(
        "OtherProvider",
        "warning",
        "the backup is of another [cloud](restores.md#other-clouds) than the target; how both "
        "are known is told",
        "if that is wrong, say `sourceProvider` and `targetProvider`",
    ),
    Reason(
        "ProviderUnknown",
        "warning",
        "the backup is of a cloud, of which the target is is not known",
        "say `targetProvider`",
    ),
    Reason(
        "ProviderSpecific",
        "warning",
        "the object names what only the source's cloud has: a class, a driver, a role",
        "find what takes its place",
    ),
    Reason(
        "NodePortTaken",
        "warning",
        "another Service of the target has the node port: this one was created with a new one",
        "tell whoever sends requests there",
    ),
    Reason(
        "StorageClassMissing",
        "warning",
        "neither target nor backup has the claim's storage class",
        "make one of that name, or say `storageClassMapping`",
    ),
    Reason(
        "DiskSize",
        "warning",
        "the claim gets a disk of Alibaba Cloud: 20Gi at least",
        "for less choose a class of NAS",
    ),
    Reason(
        "DiskAccessMode",
        "warning",
        "the claim gets a disk of Alibaba Cloud, which one node mounts",
        "for files that several share choose a class of NAS",
    ),
    Reason(
        "NodesUnmatched",
        "warning",
        "the pods demand nodes with labels that the target's nodes lack: they would wait",
        "change the selector by a [modifier](modifiers.md), or label nodes",
    ),
    Reason(
        "OldApiNamed",
        "warning",
        "a role or a webhook names a group or version of which nothing is here",
        "add the new one to its rules: [API versions](restores.md#api-versions)",
    ),
    Reason(
        "OtherVersion",
        "warning",
        "the target does not serve the version that the source preferred, or a ConfigMap wants "
        "another: another of the backup's is restored",
        "nothing: [API versions](restores.md#api-versions)",
    ),
    Reason(
        "SchemaLoosened",
        "warning",
        "a definition's schema was not structural and checks less now",
        "write a structural one",
    ),
    Reason(
        "SideEffects",
        "warning",
        "a webhook with side effects is called on dry runs too now",
        "let it look at `dryRun`, then say `NoneOnDryRun`",
    ),
    Reason(
        "FlexVolumeClaim",
        "warning",
        "a pod had a FlexVolume without a claim: the restore added a PersistentVolume and a "
        "claim for it",
        "see [FlexVolume to CSI](restores.md#flexvolume-to-csi)",
    ),
    Reason(
        "DefinitionNotRestored",
        "error",
        "its kind's definition is in the backup and could not be restored",
        "create the definition, restore again",
    ),
    Reason(
        "Malformed",
        "error",
        "the archived object, or what a rule made of it, is not of Kubernetes' form",
        "correct the rule; else create it by hand",
    ),
    Reason(
        "Undecodable",
        "error",
        "the archive's copy is no JSON object",
        "use another backup for this object",
    ),
    Reason(
        "PathDisagrees",
        "error",
        "the archive says it is another object",
        "do not trust this archive",
    ),
    Reason(
        "NamespaceTerminating",
        "error",
        "its namespace is being deleted and did not go away",
        "see the namespace's `status.conditions`",
    ),
    Reason(
        "NotEstablished",
        "error",
        "a definition was created and its kind is not served",
        "see the definition's `status.conditions`",
    ),
    Reason(
        "HookInvalid",
        "error; warning where a pod lacks a container that `spec.hooks` names",
        "a pod's hook annotations are wrong, or an init container's name is taken; the pod is "
        "restored without the hook. In a backup: none of the pod's hooks is run",
        "correct it: [hooks](hooks.md)",
    ),
    Reason(
        "HookFailed",
        "error",
        "the command of a hook failed, or nobody knows how it ended",
        "its output is in the task's log",
    ),
    Reason(
        "HookTimeout",
        "error",
        "the command or the init containers of a hook took too long; they may still run",
        "a longer timeout",
    ),
    Reason(
        "HookNotRun",
        "error",
        "the command of a hook was never run, or its init containers were not seen to end: its "
        "pod is gone, was replaced, ended, or its container did not run (in time)",
        "look after the pod; run the command by hand",
    ),
    Reason(
        "PodNotTaken",
        "error; warning where it is gone",
        "a pod is not in the backup: its pre hook failed and has `onError: Fail`",
        "make the hook work: [hooks](hooks.md#what-fails)",
    ),
    Reason(
        "VolumeDataNotTaken",
        "error",
        "a bound claim's data is not in the backup",
        "`pvBackup.defaultPvBackup: false` to do without",
    ),
    Reason(
        "VolumeDataNotRestored",
        "error where the backup asked for the data, else warning",
        "the claim gets a new, empty volume",
        "copy the data yourself",
    ),
    Reason(
        "NeededMissing",
        "warning",
        "what an object in the backup needs is not in it: it does not exist, is being deleted, "
        "is never archived, is in a namespace that is not backed up, or a filter leaves it out; "
        "both are named",
        "make it, or widen the selection",
    ),
    Reason(
        "NothingSelected",
        "warning; error where no label selector, or no kind that was asked for, selects anything",
        "a name, pattern or label selector of the selection selects nothing, in a restore "
        "nothing of the backup",
        "correct it",
    ),
    Reason(
        "VersionMissing",
        "warning",
        "objects are in the backup in their preferred version alone: they were gone when the "
        "other one was listed",
        "nothing",
    ),
    Reason(
        "NotOneMoment",
        "warning",
        "a kind was listed for so long that the API server had forgotten when it began (5 "
        "minutes): what changed meanwhile is there as it was earlier or later",
        "nothing, or back up when less goes on",
    ),
    Reason(
        "NamespaceMissing",
        "error",
        "was asked for and does not exist",
        "correct `includedNamespaces`",
    ),
    Reason(
        "NamespaceLeftOut",
        "warning",
        "was asked for; it is being deleted or has the label `velero.io/exclude-from-backup`",
        "take the label off",
    ),
    Reason(
        "GroupUnavailable",
        "error in a backup, warning in a restore",
        "an aggregated API does not answer: its kinds are missing",
        "repair it (`kubectl get apiservices`), run again",
    ),
    Reason(
        "Unread",
        "warning of `backup diff`",
        "when a backup was taken something could not be read: it is not known whether it was there",
        "take another backup; `backup describe --details` tells why",
    ),
    Reason(
        "Archive",
        "warning",
        "something about the archive, for example that it has no checksums",
        "read the message",
    ),
    Reason(
        "Reserved",
        "skipped",
        "it is in a reserved namespace",
        "",
    ),
    Reason(
        "NotSelected",
        "skipped",
        "`restore plan --object` names it and the restore does not select it: the message tells "
        "which word leaves it out",
        "",
    ),
    Reason(
        "NeverRestored",
        "skipped",
        "the kind describes the source cluster",
        "",
    ),
    Reason(
        "SnapshotOfSource",
        "skipped",
        "a snapshot in the source's storage, of which no data is restored",
        "",
    ),
    Reason(
        "Completed",
        "skipped",
        "a pod or Job that has ended would run again",
        "",
    ),
    Reason(
        "MirrorPod",
        "skipped",
        "a static pod of a node",
        "",
    ),
    Reason(
        "GeneratedObject",
        "skipped",
        "each cluster makes its own",
        "",
    ),
    Reason(
        "GeneratedToken",
        "skipped",
        "each cluster makes its own",
        "",
    ),
    Reason(
        "ApiServerService",
        "skipped",
        "it leads to the source's API server",
        "",
    ),
    Reason(
        "VolumeProvisionedAnew",
        "skipped",
        "its claim gets a new volume",
        "",
    ),
)
"""What is told of one object of many."""

_BY_NAME = {one.name: one for one in (*OF_TASKS, *OF_OBJECTS)}
_LINK = re.compile(r"\[([^]]*)\]\(([^)]*)\)")


def is_known(reason: str) -> bool:
    """Whether there is such a reason."""
    return reason in _BY_NAME


def advice(reason: str) -> str:
    """What to do about a reason, as plain text; empty where that is nothing or nobody knows it."""
    found = _BY_NAME.get(reason)
    return _plain(found.advice) if found else ""


def meaning(reason: str) -> str:
    """What a reason means, as plain text; empty for one that nobody knows."""
    found = _BY_NAME.get(reason)
    return _plain(found.what) if found else ""


def _plain(text: str) -> str:
    return _LINK.sub(r"\1", text).replace("`", "")
