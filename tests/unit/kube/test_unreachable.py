from typing import Any

import aiohttp
import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from kubeferry.kube.unreachable import unreachable


def answered(kind: type[aiohttp.ClientResponseError]) -> Any:
    """An error of aiohttp that knows what was asked for."""
    url = URL("https://api.example/api/v1/namespaces/a/pods/b/exec?command=psql&command=swordfish")
    headers = CIMultiDictProxy(CIMultiDict[str]())
    request = aiohttp.RequestInfo(url, "GET", headers, url)
    return kind(request, (), status=101, message="Invalid challenge response")


@pytest.mark.parametrize("kind", [aiohttp.WSServerHandshakeError, aiohttp.ContentTypeError])
def test_what_was_asked_for_is_not_told(kind: type[aiohttp.ClientResponseError]) -> None:
    error = answered(kind)
    assert "swordfish" in str(error)
    told = unreachable(error, server="https://api.example")
    assert "broke the connection: Invalid challenge response" in str(told)
    assert "swordfish" not in str(told)
    assert told.sent
