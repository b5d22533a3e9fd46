"""DuckDB: one file a tenant, all attached to one instance in memory.

instance   the one instance: locked down, cursors, time limits
store      one tenant's attached file: dictionaries, what is loaded, its health
apply      blocks of rows into the hot tables, in one transaction
read       raw columns of one machine and range, as arrays
settle     hot rows to their place; retention
engine     the contract, over all of these
"""
