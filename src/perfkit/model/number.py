"""The two kinds of number in the kernel's text, as types that msgspec checks while it decodes.

msgspec states bounds within 64 signed bits only, so these refuse the upper half of the kernel's
unsigned counters when *decoding*.  The parsers read such a counter by their slower form and set
the field themselves: a struct may hold anything up to COUNTER_MAX.
"""

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

COUNTER_MAX = 2**64 - 1
"""The largest counter: the kernel keeps them in an unsigned 64-bit word, at most."""

GAUGE_MIN = -(2**63)
"""The smallest gauge: a signed 64-bit word."""

DECODED_MAX = 2**63 - 1
"""The largest number that msgspec can be told to accept."""

Counter = Annotated[int, Meta(ge=0, le=DECODED_MAX)]
"""Only grows, until the machine starts again, the device goes, or the word wraps."""

Gauge = Annotated[int, Meta(ge=GAUGE_MIN, le=DECODED_MAX)]
"""Goes up and down; the kernel's races can show one below zero."""

if TYPE_CHECKING:
    MaybeCounter = Counter | None
    MaybeGauge = Gauge | None
else:
    # What a kernel does not write is None, the field's default, which msgspec does not check; the
    # word `null` in a text is no number, and is refused without a search for it in every text.
    MaybeCounter = Counter
    MaybeGauge = Gauge
