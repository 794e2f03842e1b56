"""The sandbox against what a real API server answered to the same script (``real_answers.json``).

tests/real/test_api_conformance.py runs the script on a real one and keeps that file true
(``pytest -m real --update-golden`` rewrites it).
"""

import json
from pathlib import Path
from typing import Any

import pytest

from kubeferry.sandbox import Sandbox
from tests.conformance.api_script import comparable, run
from tests.conformance.api_steps import STEPS

REAL_ANSWERS = Path(__file__).with_name("real_answers.json")


async def sandbox_answers() -> list[dict[str, Any]]:
    async with Sandbox() as sandbox:
        headers = {"Authorization": f"Bearer {sandbox.token}"}
        answers = await run(STEPS, server=sandbox.url, headers=headers)
    return [comparable(answer) for answer in answers]


async def test_the_sandbox_answers_as_a_real_server_did(subtests: pytest.Subtests) -> None:
    real = json.loads(REAL_ANSWERS.read_text())
    ours = await sandbox_answers()
    assert [answer["step"] for answer in ours] == [answer["step"] for answer in real]
    for expected, answer in zip(real, ours, strict=True):
        with subtests.test(expected["step"]):
            assert answer == expected
