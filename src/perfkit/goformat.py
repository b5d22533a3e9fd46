"""Numbers as Go's `%v` prints them: what the original's CSV files are made of.

Go and Python both print the shortest digits that read back as the same float64.  They differ in
when they turn to the scientific form (Go: below 1e-4 and from 1e6 on; Python from 1e16 on), in the
exponent's digits and in a trailing `.0`:

    value        Python           here
    3.0          3.0              3
    2641104.0    2641104.0        2.641104e+06
    0.00001      1e-05            1e-05
    0.0001       0.0001           0.0001
"""

MIN_PLAIN = 1e-4
"""The smallest magnitude in plain notation."""

MAX_PLAIN = 1e6
"""The smallest magnitude that is no longer in plain notation."""


def float_text(value: float) -> str:
    """Return `value` in the shortest digits that read back, as the original prints a float.

    Plain notation from 1e-4 up to, not including, 1e6; else one digit before the point and an
    exponent of a sign and two digits or more.  `NaN`, `+Inf` and `-Inf` as Go names them.
    """
    text = repr(float(value))
    if text in {"nan", "inf", "-inf"}:
        return {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}[text]
    if value == 0 or MIN_PLAIN <= abs(value) < MAX_PLAIN:
        return text.removesuffix(".0")
    sign = "-" if text.startswith("-") else ""
    mantissa, _, exponent = text.removeprefix("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    leading = len(whole + fraction) - len(digits)
    power = int(exponent or 0) + len(whole) - 1 - leading
    digits = digits.rstrip("0")
    point = "." if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{point}{digits[1:]}e{power:+03d}"
