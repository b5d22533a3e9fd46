"""The aggregator's HTTP side: what comes in is checked here, what is asked is answered here.

`app` wires the parts, `run` is the process: data folder, lock, first run, signals.
"""
