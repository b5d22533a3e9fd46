"""The only reader of the host: a root folder in, records out.

Kernel files are not parsed, only read; what has no such file (`statfs[*]`, `perfkit/host`) is put
together here, with the standard library alone.
"""
