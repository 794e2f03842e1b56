"""Clusters that stand until they are told to go, for a person to try things on.

    python -m tests.standing up controlplane                    two control planes without nodes
    python -m tests.standing up cluster [--nodes 1] [--keep]    two clusters of one real node each
    python -m tests.standing down controlplane|cluster          ends them and removes their files

``up`` prints how to use them; where they run already it does nothing else. What a cluster stores is
removed with it unless ``--keep`` was given: then the next one goes on with it.
"""

import argparse
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kubeferry.vault.locations import Credentials
from tests import controlplane, nodes, s3server
from tests.nodes import MACHINE, ROOT, Node, build_image
from tests.processes import StartFailed

_NAMES = ("backup", "restore")
_START_SECONDS = 240.0
_S3_PORT = 7070
_LOG = "serve.log"


@dataclass(frozen=True)
class Standing:
    """What stands, or is to stand.

    Attributes:
        kind: ``controlplane`` or ``cluster``.
        count: how many of them.
        keep: whether what they store outlives them.
    """

    kind: str
    count: int = 2
    keep: bool = False

    @property
    def folder(self) -> Path:
        """Where its lock, its text and, of control planes, everything else is."""
        return ROOT / f".{self.kind}"

    @property
    def ready(self) -> Path:
        """The file with what ``up`` prints; it is there once everything runs."""
        return self.folder / "ready"

    def holder(self) -> int:
        """The process that keeps it, 0 if there is none: a left-over number locks nothing."""
        try:
            with (self.folder / "lock").open() as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return int(lock.read() or 0)
        except FileNotFoundError:
            pass
        return 0


def up(what: Standing) -> None:
    """Starts it in the background, if it does not run, and prints how to use it."""
    child = None
    if not what.holder():
        _build(what)  # here, where a person sees how it goes
        child = _start(what)
    end = time.monotonic() + _START_SECONDS
    while not what.ready.exists():  # it may be another call's, which is just starting it
        if not (child.poll() is None if child else what.holder()) or time.monotonic() > end:
            if child:
                child.terminate()
            raise StartFailed((what.folder / _LOG).read_text().strip())
        time.sleep(0.1)
    print(what.ready.read_text(), end="")


def _start(what: Standing) -> subprocess.Popen[bytes]:
    what.folder.mkdir(mode=0o700, exist_ok=True)
    what.ready.unlink(missing_ok=True)
    options = [f"--nodes={what.count}", *(["--keep"] if what.keep else [])]
    with (what.folder / _LOG).open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.standing", "serve", what.kind, *options],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def down(what: Standing) -> None:
    """Ends it and removes its files."""
    holder = what.holder()
    if holder:
        os.kill(holder, signal.SIGTERM)
        while what.holder() or Path(f"/proc/{holder}").exists():
            time.sleep(0.05)
    else:
        print(f"no {what.kind} is running")
    keep = (what.folder / "keep").exists()
    if what.kind == "cluster" and not nodes.why_not():
        nodes.clean(_NAMES, keep=keep)  # also after a process that was killed
    if not keep:
        shutil.rmtree(what.folder, ignore_errors=True)


def serve(what: Standing) -> None:
    """Runs it until SIGTERM; holds the lock while it does."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with (what.folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        lock.write(str(os.getpid()))
        lock.flush()
        with _standing(what) as text:
            unfinished = what.ready.with_suffix(".new")
            unfinished.write_text(text)
            unfinished.rename(what.ready)
            signal.pause()


def _build(what: Standing) -> None:
    if what.kind == "controlplane":
        controlplane.find_programs()
        return
    reason = nodes.why_not()
    if reason:
        raise StartFailed(reason)
    nodes.find_programs()
    nodes.find_store()
    s3server.program()
    build_image()


@contextmanager
def _standing(what: Standing) -> Iterator[str]:
    """Runs it; yields what a person is told."""
    names = _NAMES[: what.count]
    if what.kind == "controlplane":
        with controlplane.running(_NAMES, folder=what.folder) as planes:
            programs, configs = planes[0].programs, [one.kubeconfig for one in planes]
            yield _CONTROL_PLANES.format(exports=_exports(programs, configs), folder=what.folder)
        return
    marker = what.folder / "keep"
    if what.keep:
        marker.touch()
    else:
        marker.unlink(missing_ok=True)
    with nodes.running(names, options=nodes.Options(keep=what.keep)) as started:
        image = build_image()
        for node in started:
            node.import_images(image)
        with s3server.running(
            what.folder / "s3", host=MACHINE, port=_S3_PORT, credentials=_keys(what.folder)
        ) as storage:
            (storage.folder / "cnfs-oss-test").mkdir(exist_ok=True)
            yield _cluster_text(started, storage.endpoint, what.folder)


def _keys(folder: Path) -> Credentials:
    """The storage's keys, in a file from which kubectl makes the Secret."""
    path = folder / "keys.env"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(f"access-key-id=local\naccess-key-secret={os.urandom(16).hex()}\n")
    values = dict(line.split("=", 1) for line in path.read_text().splitlines())
    return Credentials(values["access-key-id"], values["access-key-secret"])


def _exports(programs: Path, configs: list[Path]) -> str:
    names = ("BACKUP", "RESTORE")
    lines = [f"export PATH={programs}:$PATH"]
    lines += [f"export {name}={path}" for name, path in zip(names, configs, strict=False)]
    return "\n".join(f"  {line}" for line in lines)


def _cluster_text(started: list[Node], endpoint: str, folder: Path) -> str:
    several = len(started) > 1
    return _CLUSTERS.format(
        what="Two Kubernetes clusters of one node each are" if several else "A cluster is",
        exports=_exports(started[0].programs, [node.kubeconfig for node in started]),
        endpoint=endpoint,
        keys=folder / "keys.env",
        clusters="$BACKUP $RESTORE" if several else "$BACKUP",
        restore=_RESTORE if several else "",
        logs=started[0].folder.parent,
    )


_CONTROL_PLANES = """\
Two Kubernetes clusters are running (no nodes: nothing runs pods in them).

{exports}

Try, for example:

  for cluster in $BACKUP $RESTORE; do
    .venv/bin/kubeferry install | kubectl --kubeconfig $cluster apply -f -
  done
  kubectl --kubeconfig $BACKUP apply -f examples/01-statefulset.yaml
  kubectl --kubeconfig $BACKUP -n csdr get applicationbackup

Their logs are in {folder}/*/log. "make controlplane-down" ends them.
"""

_CLUSTERS = """\
{what} running: pods, volumes, snapshots, names.

{exports}
  export KUBEFERRY_ENDPOINT_ALIBABACLOUD={endpoint}

An S3 server is at {endpoint}, where pods reach it, with the bucket cnfs-oss-test.
kubeferry's image is in the nodes. Install it:

  for cluster in {clusters}; do
    .venv/bin/kubeferry install --endpoint alibabacloud=$KUBEFERRY_ENDPOINT_ALIBABACLOUD |
      kubectl --kubeconfig $cluster apply -f -
    kubectl --kubeconfig $cluster -n csdr create secret generic alibaba-addon-secret \\
      --from-env-file={keys}
    kubectl --kubeconfig $cluster -n csdr rollout status deployment
  done

and back an application up:

  kubectl --kubeconfig $BACKUP apply -f examples/01-statefulset.yaml
  kubectl --kubeconfig $BACKUP rollout status statefulset/web
  kubectl --kubeconfig $BACKUP apply -f examples/02-applicationbackup.yaml
  kubectl --kubeconfig $BACKUP -n csdr get applicationbackup --watch

It ends PartiallyFailed and says why: the data of volumes is not taken yet.
{restore}
Logs are in {logs}/*/log. "make cluster-down" ends everything.
"""

_RESTORE = """
and restore it, adapted, into the other cluster:

  kubectl --kubeconfig $RESTORE apply -f examples/03-resource-modifier.yaml
  kubectl --kubeconfig $RESTORE apply -f examples/04-backuplocation.yaml
  .venv/bin/kubeferry --kubeconfig $RESTORE restore plan -f examples/05-applicationrestore.yaml
  kubectl --kubeconfig $RESTORE apply -f examples/05-applicationrestore.yaml
  kubectl --kubeconfig $RESTORE -n csdr get applicationrestore
  kubectl --kubeconfig $RESTORE -n default1 get pod,pvc
"""


def main(arguments: list[str]) -> int:
    """The command line; returns the exit code."""
    commands = {"up": up, "down": down, "serve": serve}
    assert __doc__ is not None
    parser = argparse.ArgumentParser(prog="python -m tests.standing", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("command", choices=commands)
    parser.add_argument("kind", choices=("controlplane", "cluster"))
    parser.add_argument("--nodes", type=int, choices=(1, 2), default=2, help="how many clusters")
    parser.add_argument("--keep", action="store_true", help="what they store outlives them")
    given = parser.parse_args(arguments)
    try:
        commands[given.command](Standing(given.kind, given.nodes, given.keep))
    except StartFailed as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
