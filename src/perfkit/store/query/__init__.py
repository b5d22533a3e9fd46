"""Queries over arrays: raw columns in, series, statistics and latest figures out."""
