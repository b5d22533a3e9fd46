"""The struct of /proc/meminfo."""

from msgspec import Struct, field

from perfkit.model.number import Gauge, MaybeGauge


class MemInfo(Struct, frozen=True, kw_only=True, gc=False):
    """How the host's memory is used.  Every number is a gauge.

    Source: /proc/meminfo, Documentation/filesystems/proc.rst, fs/proc/meminfo.c and
    arch/*/mm (the direct maps).  In kB of 1024 bytes, but for the counts of huge pages.  None: this
    kernel has no such line, for its age, its architecture or its configuration.
    """

    mem_total_kb: Gauge = field(name="MemTotal")
    """Memory that the kernel can use: all but firmware's and the kernel image."""

    mem_free_kb: Gauge = field(name="MemFree")
    """Memory that nothing uses."""

    mem_available_kb: MaybeGauge = field(name="MemAvailable", default=None)
    """Estimate of what programs could take without swapping; None before 3.14."""

    buffers_kb: MaybeGauge = field(name="Buffers", default=None)
    """Blocks of devices held in memory, outside the page cache."""

    cached_kb: MaybeGauge = field(name="Cached", default=None)
    """Page cache and tmpfs, without SwapCached."""

    swap_cached_kb: MaybeGauge = field(name="SwapCached", default=None)
    """In memory and also still in swap."""

    active_kb: MaybeGauge = field(name="Active", default=None)
    """Used not long ago, reclaimed last."""

    inactive_kb: MaybeGauge = field(name="Inactive", default=None)
    """Used less of late, reclaimed first."""

    active_anon_kb: MaybeGauge = field(name="Active(anon)", default=None)
    """Part of Active that no file backs; None before 2.6.28."""

    inactive_anon_kb: MaybeGauge = field(name="Inactive(anon)", default=None)
    """Part of Inactive that no file backs; None before 2.6.28."""

    active_file_kb: MaybeGauge = field(name="Active(file)", default=None)
    """Part of Active that files back; None before 2.6.28."""

    inactive_file_kb: MaybeGauge = field(name="Inactive(file)", default=None)
    """Part of Inactive that files back; None before 2.6.28."""

    unevictable_kb: MaybeGauge = field(name="Unevictable", default=None)
    """Memory that cannot be reclaimed, such as locked pages and ramfs; None before 2.6.28."""

    mlocked_kb: MaybeGauge = field(name="Mlocked", default=None)
    """Locked into memory by mlock(2); None before 2.6.28."""

    high_total_kb: MaybeGauge = field(name="HighTotal", default=None)
    """Memory above the kernel's direct map; 32-bit kernels with HIGHMEM only."""

    high_free_kb: MaybeGauge = field(name="HighFree", default=None)
    """Free part of HighTotal."""

    low_total_kb: MaybeGauge = field(name="LowTotal", default=None)
    """Memory inside the kernel's direct map; 32-bit kernels with HIGHMEM only."""

    low_free_kb: MaybeGauge = field(name="LowFree", default=None)
    """Free part of LowTotal."""

    mmap_copy_kb: MaybeGauge = field(name="MmapCopy", default=None)
    """Memory for private copies of mappings; kernels without an MMU only."""

    swap_total_kb: MaybeGauge = field(name="SwapTotal", default=None)
    """Swap space."""

    swap_free_kb: MaybeGauge = field(name="SwapFree", default=None)
    """Swap space that is free."""

    zswap_kb: MaybeGauge = field(name="Zswap", default=None)
    """Memory that zswap uses, compressed size; None before 5.19."""

    zswapped_kb: MaybeGauge = field(name="Zswapped", default=None)
    """Anonymous memory held in zswap, original size; None before 5.19."""

    dirty_kb: MaybeGauge = field(name="Dirty", default=None)
    """Waits to be written to disk."""

    writeback_kb: MaybeGauge = field(name="Writeback", default=None)
    """Is being written to disk."""

    anon_pages_kb: MaybeGauge = field(name="AnonPages", default=None)
    """Mapped by page tables, backed by no file; None before 2.6.18."""

    mapped_kb: MaybeGauge = field(name="Mapped", default=None)
    """Files mapped by processes, such as libraries."""

    shmem_kb: MaybeGauge = field(name="Shmem", default=None)
    """Shared memory and tmpfs; None before 2.6.32."""

    kernel_reclaimable_kb: MaybeGauge = field(name="KReclaimable", default=None)
    """What the kernel gives back under pressure, SReclaimable included; None before 4.20."""

    slab_kb: MaybeGauge = field(name="Slab", default=None)
    """The kernel's own data structures."""

    slab_reclaimable_kb: MaybeGauge = field(name="SReclaimable", default=None)
    """Part of Slab that can be given back, such as caches of names; None before 2.6.19."""

    slab_unreclaimable_kb: MaybeGauge = field(name="SUnreclaim", default=None)
    """Part of Slab that cannot; None before 2.6.19."""

    kernel_stack_kb: MaybeGauge = field(name="KernelStack", default=None)
    """Kernel stacks of all threads; None before 2.6.32."""

    shadow_call_stack_kb: MaybeGauge = field(name="ShadowCallStack", default=None)
    """Shadow call stacks of the kernel; arm64 and riscv with that hardening; None before 5.8."""

    page_tables_kb: MaybeGauge = field(name="PageTables", default=None)
    """The lowest level of page tables; None before 2.6.18."""

    sec_page_tables_kb: MaybeGauge = field(name="SecPageTables", default=None)
    """Page tables of guests and of devices (KVM, IOMMU); None before 6.1."""

    quicklists_kb: MaybeGauge = field(name="Quicklists", default=None)
    """Page tables kept for re-use; on some architectures; from 2.6.27 to 5.1 only."""

    nfs_unstable_kb: MaybeGauge = field(name="NFS_Unstable", default=None)
    """Sent to an NFS server, not yet committed there; always 0 since 5.8."""

    bounce_kb: MaybeGauge = field(name="Bounce", default=None)
    """Bounce buffers of block devices; always 0 since 6.16; None before 2.6.18."""

    writeback_tmp_kb: MaybeGauge = field(name="WritebackTmp", default=None)
    """Temporary writeback buffers of FUSE; None before 2.6.26."""

    commit_limit_kb: MaybeGauge = field(name="CommitLimit", default=None)
    """What could be committed under strict overcommit (vm.overcommit_*); None before 2.6.10."""

    committed_as_kb: MaybeGauge = field(name="Committed_AS", default=None)
    """What programs have asked for, used or not."""

    vmalloc_total_kb: MaybeGauge = field(name="VmallocTotal", default=None)
    """Size of the kernel's vmalloc area."""

    vmalloc_used_kb: MaybeGauge = field(name="VmallocUsed", default=None)
    """Used part of it; always 0 from 4.4 to 5.2."""

    vmalloc_chunk_kb: MaybeGauge = field(name="VmallocChunk", default=None)
    """Largest free block of it; always 0 since 4.4."""

    percpu_kb: MaybeGauge = field(name="Percpu", default=None)
    """The kernel's per-CPU allocations, without their metadata; None before 4.19."""

    early_memtest_bad_kb: MaybeGauge = field(name="EarlyMemtestBad", default=None)
    """Found bad by the memory test at boot; only if one ran; None before 6.4."""

    hardware_corrupted_kb: MaybeGauge = field(name="HardwareCorrupted", default=None)
    """Taken out of use after a memory failure; None before 2.6.32."""

    anon_huge_pages_kb: MaybeGauge = field(name="AnonHugePages", default=None)
    """Anonymous huge pages mapped by page tables; None before 2.6.38."""

    shmem_huge_pages_kb: MaybeGauge = field(name="ShmemHugePages", default=None)
    """Shared memory and tmpfs in huge pages; None before 4.8."""

    shmem_pmd_mapped_kb: MaybeGauge = field(name="ShmemPmdMapped", default=None)
    """Shared memory mapped by huge pages; None before 4.8."""

    file_huge_pages_kb: MaybeGauge = field(name="FileHugePages", default=None)
    """Page cache in huge pages; None before 5.4."""

    file_pmd_mapped_kb: MaybeGauge = field(name="FilePmdMapped", default=None)
    """Page cache mapped by huge pages; None before 5.4."""

    cma_total_kb: MaybeGauge = field(name="CmaTotal", default=None)
    """Reserved for contiguous allocation; kernels with CMA only."""

    cma_free_kb: MaybeGauge = field(name="CmaFree", default=None)
    """Free part of CmaTotal."""

    unaccepted_kb: MaybeGauge = field(name="Unaccepted", default=None)
    """Not yet accepted from the hypervisor by a confidential guest; None before 6.5."""

    balloon_kb: MaybeGauge = field(name="Balloon", default=None)
    """Given back to the host by balloon drivers; None before 6.16."""

    huge_pages_total: MaybeGauge = field(name="HugePages_Total", default=None)
    """Huge pages in the pool of the default size."""

    huge_pages_free: MaybeGauge = field(name="HugePages_Free", default=None)
    """Of them, not allocated."""

    huge_pages_rsvd: MaybeGauge = field(name="HugePages_Rsvd", default=None)
    """Of them, promised but not allocated; None before 2.6.17."""

    huge_pages_surp: MaybeGauge = field(name="HugePages_Surp", default=None)
    """Of them, above vm.nr_hugepages; None before 2.6.24."""

    huge_page_size_kb: MaybeGauge = field(name="Hugepagesize", default=None)
    """Size of one huge page of the default size."""

    hugetlb_kb: MaybeGauge = field(name="Hugetlb", default=None)
    """All huge pages of all sizes; None before 4.16."""

    direct_map_4k_kb: MaybeGauge = field(name="DirectMap4k", default=None)
    """Of the kernel's direct map, in pages of 4 KiB; x86, s390, POWER; None before 2.6.27."""

    direct_map_64k_kb: MaybeGauge = field(name="DirectMap64k", default=None)
    """The same in pages of 64 KiB; POWER."""

    direct_map_1m_kb: MaybeGauge = field(name="DirectMap1M", default=None)
    """The same in pages of 1 MiB; s390, POWER."""

    direct_map_2m_kb: MaybeGauge = field(name="DirectMap2M", default=None)
    """The same in pages of 2 MiB; x86, POWER; None before 2.6.27."""

    direct_map_4m_kb: MaybeGauge = field(name="DirectMap4M", default=None)
    """The same in pages of 4 MiB; x86 without PAE; None before 2.6.27."""

    direct_map_1g_kb: MaybeGauge = field(name="DirectMap1G", default=None)
    """The same in pages of 1 GiB; x86, POWER; None before 2.6.27."""

    direct_map_2g_kb: MaybeGauge = field(name="DirectMap2G", default=None)
    """The same in pages of 2 GiB; s390."""
