"""Functions that read the environment."""

import os
from functools import lru_cache


def endpoint(path: str) -> str:
    """The address of a service, as the environment has it."""
    host = os.environ.get("SHOP_HOST", "localhost")
    port = int(os.getenv("SHOP_PORT", "8080"))
    scheme = "https" if os.environ.get("SHOP_TLS") == "on" else "http"
    return f"{scheme}://{host}:{port}/{path}"


def token() -> str:
    """The secret, which must be there."""
    if "SHOP_TOKEN" not in os.environ:
        raise RuntimeError("SHOP_TOKEN is not set")
    return os.environ["SHOP_TOKEN"].strip()


@lru_cache
def mode() -> str:
    """The mode, read once."""
    return os.environ.get("SHOP_MODE", "live").lower()
