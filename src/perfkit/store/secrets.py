"""API keys: how they are made, and what of them is kept.

    pk_3f9c1d0a27be_mJ8s...43 characters...Qw
       prefix       secret: 256 bits, URL-safe

Kept is the SHA-256 of the whole text, found by its prefix.  A key made elsewhere, as in the
original's `apikeys` file, is any text of 8 characters or more; its prefix is of its hash.
"""

import hashlib
import re
import secrets

SECRET_BYTES = 32
PREFIX_BYTES = 6
SHORTEST_FOREIGN = 8
"""Characters that the original asks of a key."""

LONGEST = 512
"""Characters of a key that are looked at; a longer one is none of ours."""

_OWN = re.compile(r"pk_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")


def new_secret() -> str:
    """Return a new key."""
    return f"pk_{secrets.token_hex(PREFIX_BYTES)}_{secrets.token_urlsafe(SECRET_BYTES)}"


def prefix_of(secret: str) -> str:
    """Return by what the key is found, and shown: it tells nothing of the secret."""
    match = _OWN.fullmatch(secret)
    return match[1] if match else f"x{digest_of(secret).hex()[:12]}"


def digest_of(secret: str) -> bytes:
    """Return what is kept of a key.

    256 random bits need no slow hash: there is nothing to guess.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
