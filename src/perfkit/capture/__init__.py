"""Capture files: append and repair (agent side), read as a stream.

Nothing is imported here: the recorder loads `write` and what it needs, and no reader.
"""
