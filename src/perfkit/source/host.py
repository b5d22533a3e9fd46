"""What a host is: the facts of `perfkit/host`, each where it can be had cheaply.

{"hostname":"web1","kernel":"6.8.0","boot_id":"...","distribution":"Debian GNU/Linux 12", ...}
"""

import os

from perfkit.record import escaped
from perfkit.source.mounts import Mount

Fact = str | int | None | list["Fact"] | dict[str, "Fact"]


def json_text(fact: "Fact") -> bytes:
    """Return a fact as canonical JSON: the recorder does without the json package."""
    if fact is None:
        return b"null"
    if isinstance(fact, str):
        return b'"%b"' % escaped(fact.encode("utf-8", "surrogateescape"))
    if isinstance(fact, int):
        return b"%d" % fact
    if isinstance(fact, list):
        return b"[%b]" % b",".join(map(json_text, fact))
    pairs = (b"%b:%b" % (json_text(key), json_text(value)) for key, value in fact.items())
    return b"{%b}" % b",".join(pairs)


def text_at(path: str) -> str | None:
    """Return the text of a small file without blanks around it; None where there is none."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        return os.read(file, 4096).decode("utf-8", "surrogateescape").strip(" \n\0") or None
    except OSError:
        return None
    finally:
        os.close(file)


def facts(root: str, mounts: list[Mount]) -> dict[str, "Fact"]:
    """Return the facts of the host whose tree begins at `root`.

    Args:
        root: The tree's folder without a last slash; empty for this host.
        mounts: Its mounts on block devices.
    """
    kernel = f"{root}/proc/sys/kernel"
    return {
        "hostname": text_at(f"{kernel}/hostname"),
        "kernel": text_at(f"{kernel}/osrelease"),
        "boot_id": text_at(f"{kernel}/random/boot_id"),
        "architecture": text_at(f"{kernel}/arch") or (None if root else os.uname().machine),
        "distribution": _distribution(root),
        "virtualisation": _virtualisation(root),
        "cpus_online": text_at(f"{root}/sys/devices/system/cpu/online"),
        "link_mbit": _link_speeds(f"{root}/sys/class/net"),
        "mounts": [
            {
                "mount_point": os.fsdecode(mount.point),
                "device": os.fsdecode(mount.device),
                "type": os.fsdecode(mount.kind),
            }
            for mount in mounts
        ],
    }


def identifier(root: str) -> str | None:
    """Return the machine's own identifier (man 5 machine-id), or its name where it has none."""
    for name in ("/etc/machine-id", "/var/lib/dbus/machine-id", "/proc/sys/kernel/hostname"):
        text = text_at(root + name)
        if text:
            return text
    return None


def _distribution(root: str) -> str | None:
    """Return PRETTY_NAME (man 5 os-release)."""
    for name in ("/etc/os-release", "/usr/lib/os-release"):
        for line in (text_at(root + name) or "").splitlines():
            key, _, value = line.partition("=")
            if key == "PRETTY_NAME":
                return value.strip("\"'")
    return None


def _virtualisation(root: str) -> str | None:
    """Return what the host runs in: a container's kind, a hypervisor's, or `none`."""
    container = text_at(f"{root}/run/systemd/container")
    if container:
        return container
    for mark, kind in (("/.dockerenv", "docker"), ("/run/.containerenv", "podman")):
        if os.path.exists(root + mark):
            return kind
    vendor = text_at(f"{root}/sys/class/dmi/id/sys_vendor")
    product = text_at(f"{root}/sys/class/dmi/id/product_name")
    hypervisor = text_at(f"{root}/sys/hypervisor/type")
    flags = text_at(f"{root}/proc/cpuinfo") or ""
    if hypervisor or " hypervisor" in flags:
        named = " ".join(part for part in (hypervisor, vendor, product) if part)
        return f"vm: {named}" if named else "vm"
    return "none" if "flags" in flags else None


def _link_speeds(folder: str) -> dict[str, "Fact"]:
    """Return the speed of each link that has one, in Mbit/s."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return {}
    speeds: dict[str, Fact] = {}
    for name in names:
        text = text_at(f"{folder}/{name}/speed")
        if text and text.isascii() and text.isdigit() and text != "0":  # -1 while it is down
            speeds[name] = int(text)
    return speeds
