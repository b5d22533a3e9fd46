"""What the server keeps: the upload log, the control plane, and the measured rows.

    request ──intake──▶ log (fdatasync, then the receipt) ──loader──▶ engines (columns)
                control: tenants, keys, machines

The log is the truth; what `engines` holds can be made again from it at any time.  The only place
with SQL.
"""
