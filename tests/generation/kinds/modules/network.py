"""Functions that talk to the network."""

import json
import socket
import urllib.error
import urllib.request


def rate(base: str, currency: str) -> float:
    """The exchange rate that a service tells."""
    url = f"{base}/rates/{currency.upper()}"
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            data = json.loads(response.read())
    except urllib.error.URLError:
        return 1.0
    if "rate" not in data:
        raise KeyError(currency)
    return float(data["rate"])


def pinged(host: str, port: int = 7) -> bool:
    """Whether a host answers."""
    with socket.create_connection((host, port), timeout=2) as connection:
        connection.sendall(b"ping\n")
        return connection.recv(16).startswith(b"p")
