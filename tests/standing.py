"""Two control planes that stand until they are told to go, for a person to try things on.

python -m tests.standing up      starts "backup" and "restore" and prints how to use them
python -m tests.standing down    ends them and removes their files
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.controlplane import ROOT, find_programs, running
from tests.processes import StartFailed

FOLDER = ROOT / ".controlplane"
_NAMES = ("backup", "restore")
_LOCK = FOLDER / "lock"
_READY = FOLDER / "ready"
_START_SECONDS = 180.0


def up() -> None:
    """Starts them in the background, if they do not run, and prints how to use them."""
    find_programs()  # builds them here, where a person sees it
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    if not _holder():
        _READY.unlink(missing_ok=True)
        with (FOLDER / "serve.log").open("wb") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "tests.standing", "serve"],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        end = time.monotonic() + _START_SECONDS
        while not _READY.exists():
            if child.poll() is not None or time.monotonic() > end:
                raise StartFailed((FOLDER / "serve.log").read_text())
            time.sleep(0.1)
    print(_READY.read_text(), end="")


def down() -> None:
    """Ends them and removes their files."""
    holder = _holder()
    if holder:
        os.kill(holder, signal.SIGTERM)
        while _holder():
            time.sleep(0.05)
    shutil.rmtree(FOLDER, ignore_errors=True)


def serve() -> None:
    """Runs them until SIGTERM; holds the lock while it does."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with _LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        lock.write(str(os.getpid()))
        lock.flush()
        with running(_NAMES, folder=FOLDER) as (backup, restore):
            text = _how_to(backup.kubeconfig, restore.kubeconfig, backup.programs)
            unfinished = _READY.with_suffix(".new")
            unfinished.write_text(text)
            unfinished.rename(_READY)
            signal.pause()


def _holder() -> int:
    """The process that serves, 0 if there is none: a number that is left over locks nothing."""
    try:
        with _LOCK.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(lock.read() or 0)
    except FileNotFoundError:
        pass
    return 0


def _how_to(backup: Path, restore: Path, programs: Path) -> str:
    return f"""\
Two Kubernetes clusters are running (no nodes: nothing runs pods in them).

  export PATH={programs}:$PATH
  export BACKUP={backup}
  export RESTORE={restore}

Try, for example:

  for cluster in $BACKUP $RESTORE; do
    .venv/bin/kubeferry install --image kubeferry | kubectl --kubeconfig $cluster apply -f -
  done
  kubectl --kubeconfig $BACKUP apply -f examples/01-statefulset.yaml
  kubectl --kubeconfig $BACKUP -n csdr get applicationbackup

Their logs are in {FOLDER}/*/log. "make controlplane-down" ends them.
"""


def main(arguments: list[str]) -> int:
    """The command line; returns the exit code."""
    commands = {"up": up, "down": down, "serve": serve}
    if len(arguments) != 1 or arguments[0] not in commands:
        print("usage: python -m tests.standing up|down", file=sys.stderr)
        return 2
    try:
        commands[arguments[0]]()
    except StartFailed as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
