from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from perfkit.errors import ParseError
from perfkit.parsers import meminfo

HOSTS = sorted(Path(__file__).parents[2].glob("fixtures/proc/*/*/meminfo"))

# fs/proc/meminfo.c of Linux 6.18 in its order, and what older or other kernels have.
FIELDS = {
    "MemTotal": "mem_total_kb",
    "MemFree": "mem_free_kb",
    "MemAvailable": "mem_available_kb",
    "Buffers": "buffers_kb",
    "Cached": "cached_kb",
    "SwapCached": "swap_cached_kb",
    "Active": "active_kb",
    "Inactive": "inactive_kb",
    "Active(anon)": "active_anon_kb",
    "Inactive(anon)": "inactive_anon_kb",
    "Active(file)": "active_file_kb",
    "Inactive(file)": "inactive_file_kb",
    "Unevictable": "unevictable_kb",
    "Mlocked": "mlocked_kb",
    "HighTotal": "high_total_kb",
    "HighFree": "high_free_kb",
    "LowTotal": "low_total_kb",
    "LowFree": "low_free_kb",
    "MmapCopy": "mmap_copy_kb",
    "SwapTotal": "swap_total_kb",
    "SwapFree": "swap_free_kb",
    "Zswap": "zswap_kb",
    "Zswapped": "zswapped_kb",
    "Dirty": "dirty_kb",
    "Writeback": "writeback_kb",
    "AnonPages": "anon_pages_kb",
    "Mapped": "mapped_kb",
    "Shmem": "shmem_kb",
    "KReclaimable": "kernel_reclaimable_kb",
    "Slab": "slab_kb",
    "SReclaimable": "slab_reclaimable_kb",
    "SUnreclaim": "slab_unreclaimable_kb",
    "KernelStack": "kernel_stack_kb",
    "ShadowCallStack": "shadow_call_stack_kb",
    "PageTables": "page_tables_kb",
    "SecPageTables": "sec_page_tables_kb",
    "Quicklists": "quicklists_kb",
    "NFS_Unstable": "nfs_unstable_kb",
    "Bounce": "bounce_kb",
    "WritebackTmp": "writeback_tmp_kb",
    "CommitLimit": "commit_limit_kb",
    "Committed_AS": "committed_as_kb",
    "VmallocTotal": "vmalloc_total_kb",
    "VmallocUsed": "vmalloc_used_kb",
    "VmallocChunk": "vmalloc_chunk_kb",
    "Percpu": "percpu_kb",
    "EarlyMemtestBad": "early_memtest_bad_kb",
    "HardwareCorrupted": "hardware_corrupted_kb",
    "AnonHugePages": "anon_huge_pages_kb",
    "ShmemHugePages": "shmem_huge_pages_kb",
    "ShmemPmdMapped": "shmem_pmd_mapped_kb",
    "FileHugePages": "file_huge_pages_kb",
    "FilePmdMapped": "file_pmd_mapped_kb",
    "CmaTotal": "cma_total_kb",
    "CmaFree": "cma_free_kb",
    "Unaccepted": "unaccepted_kb",
    "Balloon": "balloon_kb",
    "HugePages_Total": "huge_pages_total",
    "HugePages_Free": "huge_pages_free",
    "HugePages_Rsvd": "huge_pages_rsvd",
    "HugePages_Surp": "huge_pages_surp",
    "Hugepagesize": "huge_page_size_kb",
    "Hugetlb": "hugetlb_kb",
    "DirectMap4k": "direct_map_4k_kb",
    "DirectMap64k": "direct_map_64k_kb",
    "DirectMap1M": "direct_map_1m_kb",
    "DirectMap2M": "direct_map_2m_kb",
    "DirectMap4M": "direct_map_4m_kb",
    "DirectMap1G": "direct_map_1g_kb",
    "DirectMap2G": "direct_map_2g_kb",
}


def line(label: str, value: int) -> bytes:
    unit = "" if label.startswith("HugePages_") else " kB"
    return f"{label + ':':<16}{value:8}{unit}\n".encode()


LEAST = line("MemTotal", 16) + line("MemFree", 8)


def test_each_line_lands_in_its_field():
    text = b"".join(line(label, number) for number, label in enumerate(FIELDS, start=100))
    parsed = meminfo.parse(text)
    for number, field in enumerate(FIELDS.values(), start=100):
        assert getattr(parsed, field) == number, field


@pytest.mark.parametrize(
    ("label", "field", "since"),
    [
        ("MemAvailable", "mem_available_kb", "3.14"),
        ("KReclaimable", "kernel_reclaimable_kb", "4.20"),
        ("Zswap", "zswap_kb", "5.19"),
    ],
)
def test_line_of_a_newer_kernel_is_none_on_an_older(label: str, field: str, since: str):
    assert since
    assert getattr(meminfo.parse(LEAST), field) is None
    assert getattr(meminfo.parse(LEAST + line(label, 3)), field) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            LEAST + b"Buffers 12 kB\n",
            "meminfo:3: expected a label and a colon, found none: b'Buffers 12 kB'",
        ),
        (
            LEAST + b"Buffers:       1e5 kB\n",
            "meminfo:3: expected a number from 0 to 2^64-1, found b'1e5': b'Buffers:       1e5 kB'",
        ),
        (
            LEAST + b"Buffers:\n",
            "meminfo:3: expected a number from 0 to 2^64-1, found b'': b'Buffers:'",
        ),
        (
            LEAST + b"Buffers:  3 MB\n",
            "meminfo:3: expected a number from 0 to 2^64-1, found b'3 MB': b'Buffers:  3 MB'",
        ),
        (
            line("MemTotal", 16),
            "meminfo: expected lines MemTotal and MemFree, found not both",
        ),
        (b"", "meminfo: expected lines MemTotal and MemFree, found not both"),
    ],
)
def test_says_where_and_why(text: bytes, message: str):
    with pytest.raises(ParseError) as caught:
        meminfo.parse(text)
    assert str(caught.value) == message


@given(st.lists(st.integers(-(2**63), 2**64 - 1), min_size=3, max_size=3))
def test_any_gauges_read_back(values: list[int]):
    text = b"".join(map(line, ["MemTotal", "MemFree", "HugePages_Rsvd"], values))
    parsed = meminfo.parse(text)
    assert [parsed.mem_total_kb, parsed.mem_free_kb, parsed.huge_pages_rsvd] == values


@given(st.binary(max_size=200))
@example(LEAST + b"Cached: null kB\n")
@example(b'MemTotal": 1, "MemFree: 2 kB\n')
@example(b"MemTotal: 1 kB\nMemFree: 1\n kB\n")
def test_any_bytes_parse_or_raise_parse_error(data: bytes):
    with suppress(ParseError):
        meminfo.parse(data)


@pytest.mark.parametrize("path", HOSTS, ids=lambda path: "-".join(path.parts[-3:-1]))
def test_reads_every_recorded_host(path: Path):
    parsed = meminfo.parse(path.read_bytes())
    assert 0 < parsed.mem_free_kb < parsed.mem_total_kb


def test_hosts_were_recorded():
    assert HOSTS


def test_unknown_lines_are_passed_over():
    # GPUActive or whatever comes, with whatever it says.
    text = b"GPUActive:  12 kB\n" + LEAST + b"Future(one): a, b\n\n"
    assert meminfo.parse(text) == meminfo.parse(LEAST)


def test_last_line_without_its_newline_counts():
    assert meminfo.parse(LEAST.rstrip(b"\n")) == meminfo.parse(LEAST)


def test_a_label_twice_counts_as_the_later():
    assert meminfo.parse(LEAST + line("MemFree", 3)).mem_free_kb == 3
