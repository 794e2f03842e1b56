"""Signs a request for an S3-compatible storage: AWS signature version 4, in headers. Pure.

Every other request is signed by obstore; this is for the few that it cannot send (``parts``).
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

_ALGORITHM = "AWS4-HMAC-SHA256"
_UNRESERVED = "-_.~"


@dataclass(frozen=True, slots=True)
class Signer:
    """An access key and the region it is used for. Its secrets do not show when it is printed."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    region: str

    def headers(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        payload: str,
        moment: datetime,
    ) -> dict[str, str]:
        """All headers to send: those given, which are signed too, and those of the signature.

        Args:
            method: ``PUT``.
            url: without query; its path is percent-encoded as it is sent.
            query: decoded.
            headers: beside ``Host``, names in lower case.
            payload: hexadecimal SHA-256 of the body.
            moment: the time now.
        """
        parts = urlsplit(url)
        at = moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        sent = {**headers, "x-amz-content-sha256": payload, "x-amz-date": at}
        if self.session_token:
            sent["x-amz-security-token"] = self.session_token
        signed = {"host": parts.netloc, **sent}
        names = ";".join(sorted(signed))
        request = "\n".join(
            (
                method,
                parts.path,
                query_text(query),
                *(f"{name}:{signed[name].strip()}" for name in sorted(signed)),
                "",
                names,
                payload,
            )
        )
        scope = f"{at[:8]}/{self.region}/s3/aws4_request"
        text = "\n".join((_ALGORITHM, at, scope, hashlib.sha256(request.encode()).hexdigest()))
        key = f"AWS4{self.secret_access_key}".encode()
        for part in scope.split("/"):
            key = _mac(key, part)
        credential = f"{self.access_key_id}/{scope}"
        sent["authorization"] = (
            f"{_ALGORITHM} Credential={credential}, SignedHeaders={names}, "
            f"Signature={_mac(key, text).hex()}"
        )
        return sent


def query_text(query: Mapping[str, str]) -> str:
    """A query as it is signed and sent: sorted, and strictly percent-encoded."""
    pairs = ((quote(key, safe=_UNRESERVED), quote(query[key], safe=_UNRESERVED)) for key in query)
    return "&".join(f"{key}={value}" for key, value in sorted(pairs))


def path_text(path: str) -> str:
    """A path as it is signed and sent."""
    return quote(path, safe=f"/{_UNRESERVED}")


def _mac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
