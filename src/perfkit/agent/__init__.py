"""What `perfkit collect` does on a host; loads no third-party package.

`launch` parses options and starts `recorder` in an interpreter of its own, which has no more in it
than recording takes; `loop` is the ticking.
"""
