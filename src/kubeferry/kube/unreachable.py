"""From aiohttp's failures to ``ApiUnreachable``, which names the server and what to check. Pure."""

import ssl

import aiohttp

from kubeferry.errors import ApiUnreachable

_NEVER_SENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientConnectorCertificateError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,
)


def unreachable(
    error: BaseException, *, server: str, proxied: bool = False, place: str = ""
) -> ApiUnreachable:
    """The error to raise for a failure of the connection to ``server``."""
    problem, remedy = _words(error, server, proxied)
    result = ApiUnreachable(f"the API server {server} {problem}", place=place, remedy=remedy)
    result.sent = not isinstance(error, _NEVER_SENT)
    result.lasting = isinstance(
        error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError
    )
    return result


def _words(error: BaseException, server: str, proxied: bool) -> tuple[str, str]:
    """What is wrong, and what to check."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause = error.certificate_error
        detail = getattr(cause, "verify_message", "") or str(cause)
        return (
            f"has a certificate that does not verify: {detail}",
            "check certificate-authority-data, tls-server-name and the server's address"
            " in the kubeconfig",
        )
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        cause = error.os_error
        detail = cause.reason if isinstance(cause, ssl.SSLError) and cause.reason else str(cause)
        return (
            f"does not complete the TLS handshake: {detail}",
            "check that the port speaks https and the client certificate is still valid",
        )
    if isinstance(error, aiohttp.ClientHttpProxyError | aiohttp.ClientProxyConnectionError):
        detail = str(getattr(error, "status", "") or _reason(error))
        return f"is not reached through the proxy: {detail}", "check proxy-url or HTTPS_PROXY"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "has a name that does not resolve", "check the server's name in the kubeconfig"
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return "does not accept a connection in time", "check the network and firewalls" + (
            " and the proxy" if proxied else ""
        )
    if isinstance(error, aiohttp.ClientConnectorError):
        return (
            f"cannot be reached: {_reason(error)}",
            "check that it runs and that the kubeconfig's server is right",
        )
    if isinstance(error, TimeoutError):
        return "stopped answering", "check its load and the network"
    return f"broke the connection: {_reason(error)}", "check its log and the network"


def _reason(error: BaseException) -> str:
    if isinstance(error, aiohttp.ClientResponseError):
        return error.message  # its whole text has the URL, which may hold a command
    cause = getattr(error, "os_error", error)
    return getattr(cause, "strerror", None) or str(cause) or type(error).__name__
