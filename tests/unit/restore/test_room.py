from pathlib import Path

import pytest

from kubeferry.errors import InvalidInput
from kubeferry.kube.names import Identity
from kubeferry.restore.room import STEP, Room
from kubeferry.restore.spool import Spool


def test_a_limit_is_kept_to_the_byte(tmp_path: Path) -> None:
    room = Room(tmp_path, limit=1000)
    room.take(600)
    assert room.left() == 400
    room.take(400)
    with pytest.raises(InvalidInput, match=r"more than 1000 bytes of disk.*KUBEFERRY_SPOOL_LIMIT"):
        room.take(1)


def test_what_must_stay_free_stays_free(tmp_path: Path) -> None:
    room = Room(tmp_path, reserve=1 << 60)
    assert room.left() == 0
    with pytest.raises(InvalidInput, match=r"more disk than is free.*KUBEFERRY_SPOOL_DIR"):
        room.take(1)


def test_without_a_limit_the_file_system_is_the_limit(tmp_path: Path) -> None:
    room = Room(tmp_path, reserve=0)
    before = room.left()
    room.take(STEP + 1)
    assert before > 0


def test_a_spool_refuses_what_it_has_no_room_for(tmp_path: Path) -> None:
    with Spool(parent=tmp_path, limit=2000) as spool:
        spool.add(Identity("pods", "default", "a"), bytes(1000))
        with pytest.raises(InvalidInput, match="KUBEFERRY_SPOOL_LIMIT"):
            spool.add(Identity("pods", "default", "b"), bytes(1000))
        assert spool.count() == 1
