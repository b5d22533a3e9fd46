"""The one table of settings: help, flags, variables, configuration files and docs come from it.

`table` holds it, `values` turns text into values, `resolve` decides which place wins, `page` writes
docs/settings.md.
"""
