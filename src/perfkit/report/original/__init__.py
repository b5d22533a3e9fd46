"""The CSV tree of the original: its files, its arithmetic, its order of operations, byte for byte.

    proc/stat  proc/meminfo  proc/net/dev  proc/diskstats  statfs_ALL      a module each
    system_info.json  portal.csv  containers.csv                           a module each

The one place beside `perfkit.derive` where counters become rates: a format with its own rules,
proven against files that the original wrote.  It is written for speed; the forms are told in
`rows` (numbers out), `table` (numbers in) and `devices` (lines that did not change).

**Rows.** The first column is the capture's timestamp.  With samples s0, s1, s2 … the original has
no row for s0 and none for s1: its first row is s2 against s0, over both periods, and from s3 on
each is a sample against the one before; gauges follow the same rule.  `--intervals all` begins with
s1 against s0, and with s0 for gauges (proc/meminfo, statfs_ALL).  A sample is a run of lines of one
timestamp with at least one of the five sources; one that lacks a source has no row in that file,
and the next row there spans the longer time.

**Rates.** dt is counted in hundredths of a second: `(new - old) / (dt * 100) * 100`, in this order,
in float64, so that 3.2 and 13.600000000000001 both occur.  Floats print as Go's `%v` does
(`perfkit.goformat`), integers as digits.

**Time.** dt is the difference of the timestamps.  Where the run's period is not a whole number of
seconds (`period_ns` in its `perfkit/host` line) the key `ns` counts too: the first column then is
the time with three decimals, cut, and dt is the real one.  Elsewhere `ns` is ignored.

**No row, and a line in the summary that says why:**

* a device, interface or CPU that is in only one of the two samples, matched by name;
* a counter that went backwards: that device has no row for the interval.  Of proc/stat the
  original's rules, which clamp, are proven, so they hold in its own form; with `--intervals all` a
  CPU with a counter that fell has no row (idle and iowait may trade: their sum must not fall), nor
  has one for which the kernel counted no time;
* the host booted in between (the boot time in /proc/stat lies after the sample before, or
  `perfkit/host` has another boot id), or the clock was set (the boot time moved by more than a
  second and a hundredth of the interval): no rates, gauges only;
* the time is not later than the sample before: no rates, and the next interval starts here.

A source that comes twice in one sample counts once: the later text replaces the earlier.

**Names** with a comma, a quote or a line end are quoted as RFC 4180 says, quotes doubled; the
original has no rule for them.  Any other name stands as it is.
"""
