"""The TLS side of a connection: trust anchors and client certificates.

Python's defaults are stricter than Go's in two ways that real clusters trip over: certificates
without an authority key identifier, and a trust anchor that is no root. Both are allowed, as every
other Kubernetes client does; chains, dates and host names are verified as ever.
"""

import os
import ssl
import tempfile
from pathlib import Path

from kubeferry.errors import ConfigError
from kubeferry.kube.cluster import ClusterConfig, Material


def ssl_context(
    config: ClusterConfig, certificate: Material | None, key: Material | None
) -> ssl.SSLContext | None:
    """The context for a cluster with this client certificate; None for a plain http server.

    Raises:
        ConfigError: the CA, the certificate or the key cannot be read or do not fit together.
    """
    if not config.server.startswith("https://"):
        return None
    context = ssl.create_default_context() if config.ca is None else _trusting(config.ca)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if config.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if certificate is not None and key is not None:
        _add_client_certificate(context, certificate, key)
    return context


def _trusting(ca: Material) -> ssl.SSLContext:
    try:
        pem = ca.read_bytes() if isinstance(ca, Path) else ca
        return ssl.create_default_context(cadata=pem.decode("ascii"))
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise ConfigError(
            f"cannot be used: {error}", place="certificate-authority", remedy="it must be PEM"
        ) from error


def _add_client_certificate(context: ssl.SSLContext, certificate: Material, key: Material) -> None:
    """Python takes client certificates from files only: inline ones live in files for a moment."""
    written: list[str] = []

    def file_of(material: Material) -> str:
        if isinstance(material, Path):
            return str(material)
        handle, path = tempfile.mkstemp(prefix="kubeferry-", suffix=".pem")  # mode 0600
        written.append(path)
        with os.fdopen(handle, "wb") as file:
            file.write(material)
        return path

    try:
        # A password would otherwise be asked for on the terminal.
        context.load_cert_chain(file_of(certificate), file_of(key), password="")
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"cannot be used: {error}",
            place="client-certificate and client-key",
            remedy="both must be PEM, belong together, and the key must not be encrypted",
        ) from error
    finally:
        for path in written:
            os.unlink(path)
