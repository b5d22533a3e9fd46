"""The upload log: what was acknowledged, as frames in segment files, one folder a tenant.

    tenants/<uuid>/log/0000000001.seg      frames, one after the other; the last one grows
                       0000000001.idx      its frames' headers; derived, made again where absent
                       catalog             which run has which positions; derived as well

`frame` is the format, `segment` one file of it, `tenant` the folder, `writer` the one thread that
appends for all tenants and syncs once for many requests, `runs` what is known of a run.
"""

from perfkit.store.log.frame import LoggedFrame, Place
from perfkit.store.log.runs import Run
from perfkit.store.log.tenant import TenantLog
from perfkit.store.log.writer import Flight, Writer

__all__ = ["Flight", "LoggedFrame", "Place", "Run", "TenantLog", "Writer"]
