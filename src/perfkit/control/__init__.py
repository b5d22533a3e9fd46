"""What `perfkit ctl` does beyond one call of `client`: plans, comparisons, files, tables."""
