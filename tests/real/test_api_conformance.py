"""One script of requests, byte for byte the same, on a real kube-apiserver and on the sandbox."""

import json
import ssl
from base64 import b64decode
from typing import Any

import pytest

from tests.clusters import Cluster
from tests.conformance.api_script import comparable, run
from tests.conformance.api_steps import STEPS
from tests.conformance.test_sandbox_api import REAL_ANSWERS, sandbox_answers

pytestmark = pytest.mark.real


async def real_answers(cluster: Cluster) -> list[dict[str, Any]]:
    config = json.loads(cluster.user_kubeconfig.read_text())
    token = config["users"][0]["user"]["token"]
    authority = b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"])
    trusted = ssl.create_default_context(cadata=authority.decode())
    headers = {"Authorization": f"Bearer {token}"}
    answers = await run(STEPS, server=cluster.server, headers=headers, trusted=trusted)
    return [comparable(answer) for answer in answers]


async def test_the_sandbox_answers_as_a_real_server_does(
    backup_cluster: Cluster, update_golden: bool, subtests: pytest.Subtests
) -> None:
    real = await real_answers(backup_cluster)
    if update_golden:
        REAL_ANSWERS.write_text(json.dumps(real, indent=1) + "\n")
    ours = await sandbox_answers()
    for expected, answer in zip(real, ours, strict=True):
        with subtests.test(expected["step"]):
            assert answer == expected


async def test_the_recorded_answers_are_still_true(
    backup_cluster: Cluster, subtests: pytest.Subtests
) -> None:
    real = await real_answers(backup_cluster)
    recorded = json.loads(REAL_ANSWERS.read_text())
    for expected, answer in zip(recorded, real, strict=True):
        with subtests.test(expected["step"]):
            assert answer == expected
