"""Controllers as people run them: processes of their own, one a cluster, sharing one S3 server."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.processes import Server
from tests.sites import ACCOUNT, DEAD_ENDPOINT, PROGRAM, SYNC_PERIOD, Installed


@dataclass(kw_only=True)
class Site(Installed):
    """A cluster with kubeferry installed, and its controller as processes on this machine.

    Attributes:
        logs: the folder of their logs.
        environ: more settings of the controller, by the names of its environment.
        controllers: those that run, the last one started last.
    """

    logs: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    controllers: list[Server] = field(default_factory=list)

    def install(self) -> None:
        """Installs it; the Deployment has no node to run on."""
        self.apply_manifests()

    def start(self, *flags: str, kubeconfig: Path | None = None, **environ: str) -> Server:
        """Starts a controller, as the service account it is installed with."""
        settings = {
            "KUBEFERRY_ENDPOINT_ALIBABACLOUD": self.storage.endpoint,
            "KUBEFERRY_ALLOWED_ENDPOINTS": DEAD_ENDPOINT,
            "KUBEFERRY_SYNC_PERIOD": SYNC_PERIOD,
            **self.environ,
            **environ,
        }
        account = kubeconfig or self.cluster.service_account_kubeconfig("csdr", ACCOUNT)
        number = len(list(self.logs.iterdir())) if self.logs.exists() else 0
        controller = Server(
            [
                "/usr/bin/env",
                *(f"{key}={value}" for key, value in settings.items() if value),
                str(PROGRAM),
                "controller",
                f"--kubeconfig={account}",
                "--log-format=text",
                *flags,
            ],
            log=self.logs / f"controller-{number}.log",
        )
        self.controllers.append(controller)
        return controller

    def stop(self) -> None:
        """Ends all controllers at once, as ``kill -9`` does."""
        for controller in self.controllers:
            controller.stop()
        self.controllers.clear()

    def told(self) -> str:
        """What all controllers logged so far."""
        return "\n".join(path.read_text() for path in sorted(self.logs.iterdir()))
