"""`perfkit collect --watch`: a table of this host that grows with the recording.

The recorder runs as a child and writes its capture as always; the view reads that capture as it
grows, through the same parsers and `perfkit.derive` as every report.  What the view shows can so
be had again from the file, and a view that fails costs no sample.
"""
