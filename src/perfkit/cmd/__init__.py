"""The `perfkit` command: options and help; the work is called from the layers below."""
