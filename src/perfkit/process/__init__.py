"""What `perfkit process` does: reads a capture once, writes the CSV tree of the original."""
