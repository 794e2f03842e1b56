"""Storage errors in plain words. Pure.

obstore's messages are Rust's: a sentence, the storage's XML, then a dump of the error that may
quote the signed request. ``explain`` keeps the storage's own code and message, or names what failed
below HTTP, and nothing else; secrets are struck out once more in case a storage repeats them.
"""

import re
from dataclasses import dataclass
from html import unescape

_CODE = re.compile(r"<Code>([^<]{1,200})</Code>")
_MESSAGE = re.compile(r"<Message>([^<]{1,1000})</Message>")
_STATUS = re.compile(r"status code: (\d{3}[^:\n]{0,60})")
_KEY_SERVICE = re.compile(r"\bKMS\b|\bkms:|(?i:server[- ]side[- ]encryption|encryption key)")
"""Words by which a refusal that has no code of its own tells that it is about encryption."""
_ABOUT_ANYTHING = frozenset(
    {"AccessDenied", "BadRequest", "Forbidden", "InvalidArgument", "InvalidRequest"}
    | {"NotImplemented", "NotSupported"}
)
_HOST = re.compile(r"https?://([^/\s?]+)")
_QUERY = re.compile(r"(https?://[^\s?]+)\?\S*")
_BELOW = (
    (
        re.compile(r"dns error|lookup address|Name or service not known"),
        "the name {host} is unknown",
    ),
    (re.compile(r"ConnectionRefused|Connection refused"), "{host} refuses the connection"),
    (re.compile(r"NetworkUnreachable|HostUnreachable|unreachable"), "there is no route to {host}"),
    (re.compile(r"certificate|UnknownIssuer|Tls|TLS|handshake"), "TLS with {host} fails: {detail}"),
    (re.compile(r"TimedOut|timed out|Timeout"), "{host} does not answer in time"),
    (re.compile(r"ConnectionReset|Connection reset"), "{host} broke the connection off"),
    (re.compile(r"kind: Connect|error sending request"), "{host} cannot be reached"),
)
_TLS_DETAIL = re.compile(
    r"(invalid peer certificate: \w+|InvalidCertificate\(\w+|[Cc]ertificate\w* \w+)"
)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why the storage failed.

    Attributes:
        text: for people.
        is_unreachable: no answer came at all.
        is_bucket: the bucket is missing, not a key in it.
        is_unsupported: the storage does not know what was asked.
        is_encryption: it cannot encrypt or decrypt as it is told to, or may not.
    """

    text: str
    is_unreachable: bool = False
    is_bucket: bool = False
    is_unsupported: bool = False
    is_encryption: bool = False


def explain(message: str, *, hidden: tuple[str, ...]) -> Reason:
    """What an error of obstore says; whatever is in ``hidden`` is struck out."""
    code, text = _CODE.search(message), _MESSAGE.search(message)
    status = _STATUS.search(message)
    host = _HOST.search(message)
    if code or status:
        words = [unescape(code[1])] if code else []
        if text:
            words.append(unescape(text[1]).strip())
        if not words and status:
            words.append(f"HTTP {status[1].strip()}")
        name = code[1] if code else ""
        return Reason(
            strike(": ".join(words), hidden),
            is_bucket=name == "NoSuchBucket",
            is_unsupported=name in ("NotImplemented", "NotSupported")
            or bool(status and status[1].startswith("501")),
            is_encryption=_is_encryption(name, unescape(text[1]) if text else ""),
        )
    for pattern, words_below in _BELOW if host else ():
        if pattern.search(message):
            detail = _TLS_DETAIL.search(message)
            text_below = words_below.format(
                host=host[1] if host else "", detail=detail[1] if detail else "not trusted"
            )
            return Reason(strike(text_below, hidden), is_unreachable=True)
    first = message.partition("\n")[0].strip() or "no reason given"
    return Reason(strike(_QUERY.sub(r"\1", first), hidden))


def _is_encryption(code: str, text: str) -> bool:
    """Whether a key service says no, or the storage to encryption.

    AWS: ``KMS.DisabledException``, ``KMS.KMSInvalidStateException``; ``AccessDenied`` with
    ``kms:GenerateDataKey`` in its text. OSS: ``KmsServiceNotEnabled``; ``AccessDenied`` that names
    KMS; ``InvalidEncryptionAlgorithmError``. Servers of other makers answer ``NotImplemented`` or
    ``InvalidArgument``.
    """
    if code.lower().startswith("kms") or "Encryption" in code:
        return True
    return code in _ABOUT_ANYTHING and _KEY_SERVICE.search(text) is not None


_SHORTEST_SECRET = 4
"""A shorter text is no key of any storage, and striking it would garble the message."""


def strike(text: str, hidden: tuple[str, ...]) -> str:
    """The text without what must not appear in it."""
    for secret in hidden:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "***")
    return text
