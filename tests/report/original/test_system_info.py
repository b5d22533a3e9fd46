"""system_info.json: the first processor, and how many there are."""

import json

import pytest

from perfkit.errors import ParseError
from perfkit.record import escaped
from perfkit.report.original.system_info import system_info

X86 = """\
processor\t: 0
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R) Platinum 8272CL CPU @ 2.60GHz
cpu MHz\t\t: 2600.000
cache size\t: 36608 KB
physical id\t: 0
siblings\t: 2
cpu cores\t: 1
flags\t\t: fpu vme de
bogomips\t: 5187.80
power management:

processor\t: 1
physical id\t: 1

"""

WANT = """\
{
  "vendor_id": "GenuineIntel",
  "model_name": "Intel(R) Xeon(R) Platinum 8272CL CPU @ 2.60GHz",
  "cpu_cores": 1,
  "siblings": 2,
  "cpu_mhz": 2600,
  "cache_size": "36608 KB",
  "total_cpus": 2,
  "physical_cpus": 2,
  "bogomips": 5187.8,
  "flags": "fpu vme de"
}
"""

ARM64 = """\
processor\t: 0
BogoMIPS\t: 243.75
Features\t: fp asimd
CPU implementer\t: 0x41

processor\t: 1
BogoMIPS\t: 243.75
"""


def test_the_first_processor_and_the_counts():
    assert system_info(escaped(X86.encode())).decode() == WANT


def test_what_an_architecture_does_not_tell_is_empty_or_0():
    found = json.loads(system_info(escaped(ARM64.encode())))
    assert (found["vendor_id"], found["model_name"], found["cache_size"]) == ("", "", "")
    assert (found["cpu_cores"], found["siblings"], found["cpu_mhz"]) == (0, 0, 0)
    assert (found["total_cpus"], found["physical_cpus"]) == (2, 0)


def test_text_is_escaped_as_go_does():
    text = b'processor : 0\nmodel name : a"b<c>&\n'
    assert b'"model_name": "a\\"b\\u003cc\\u003e\\u0026",' in system_info(escaped(text))


def test_no_processor_is_an_error():
    with pytest.raises(ParseError, match="expected a line `processor`"):
        system_info(b"nothing\\n")
