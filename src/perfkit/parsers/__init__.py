"""Kernel text in, structs out: one module a kernel file, each with one `parse(data)`.

`parse` is the fast form: a few replacements of bytes turn the text into JSON, and msgspec reads the
numbers straight into the structs.  What the kernel would not write that way fails there and goes
to `parse_reference` of the same module, the form to read: it knows every documented variant, and
says where and why a text is wrong.  Tests hold the two equal over any bytes, so the fast form may
give up whenever it is in doubt, but never guess.
"""
