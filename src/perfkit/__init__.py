"""perfkit measures Linux servers: raw kernel text in, sar-style figures out.

This file stays empty of imports: `perfkit --version` and the recorder pay for every one.
"""

__version__ = "0.1.0"
