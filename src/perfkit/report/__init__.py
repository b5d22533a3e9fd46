"""Output formats, one module or folder each."""
