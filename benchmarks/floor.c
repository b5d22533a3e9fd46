/*
 * The least that recording a host can cost: read the files, ask the mounts, write nothing.
 *
 *     cc -O2 -o floor floor.c
 *     ./floor -p 1 -n 60 -m / /proc/cpuinfo /proc/stat /proc/meminfo /proc/net/dev /proc/diskstats
 *
 *     -p SECONDS  period, a fraction allowed (1)    -m PATH     statfs this mount; may be repeated
 *     -n TICKS    how often, 0 without end (60)     -o SECONDS  wake so long after each period (0)
 *
 * The files stay open and are read again from their start, to their end, with pread, as a recorder
 * must: one call of a seq_file ends at a page, so only a read of nothing proves the end.  The
 * schedule is absolute: the first tick is the next multiple of the period on the wall clock.
 * Exits 0 after the last tick, 2 on a wrong option, 4 when a file or mount cannot be read.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

enum { MAX_SOURCES = 64, BUFFER_BYTES = 256 * 1024 };

static const int64_t SECOND = 1000000000;
static char buffer[BUFFER_BYTES];

static int fail(const char *what)
{
    fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    return 4;
}

static int64_t nanoseconds(const char *text)
{
    char *end;
    double seconds = strtod(text, &end);

    if (end == text || *end || !(seconds >= 0) || seconds > 86400) {
        fprintf(stderr, "floor: expected seconds of 0 to 86400, found '%s'\n", text);
        exit(2);
    }
    return (int64_t)(seconds * 1e9 + 0.5);
}

static int read_whole(int file)
{
    off_t offset = 0;
    ssize_t got;

    while ((got = pread(file, buffer, sizeof buffer, offset)) > 0)
        offset += got;
    return (int)got;
}

static void sleep_until(int64_t when)
{
    struct timespec at = {.tv_sec = when / SECOND, .tv_nsec = when % SECOND};

    while (clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &at, NULL) == EINTR)
        ;
}

int main(int argc, char **argv)
{
    const char *mounts[MAX_SOURCES];
    int files[MAX_SOURCES];
    int mount_count = 0, file_count, option;
    long ticks = 60;
    int64_t period = SECOND, phase = 0, first;
    struct timespec now;
    struct statfs space;

    while ((option = getopt(argc, argv, "p:n:o:m:")) != -1) {
        if (option == 'p')
            period = nanoseconds(optarg);
        else if (option == 'n')
            ticks = atol(optarg);
        else if (option == 'o')
            phase = nanoseconds(optarg);
        else if (option == 'm' && mount_count < MAX_SOURCES)
            mounts[mount_count++] = optarg;
        else
            return 2;
    }
    file_count = argc - optind;
    if (period == 0 || file_count > MAX_SOURCES)
        return 2;
    for (int i = 0; i < file_count; i++) {
        files[i] = open(argv[optind + i], O_RDONLY | O_CLOEXEC);
        if (files[i] < 0)
            return fail(argv[optind + i]);
    }
    clock_gettime(CLOCK_REALTIME, &now);
    first = ((now.tv_sec * SECOND + now.tv_nsec) / period + 1) * period + phase;
    for (long tick = 0; ticks == 0 || tick < ticks; tick++) {
        sleep_until(first + tick * period);
        for (int i = 0; i < file_count; i++)
            if (read_whole(files[i]) < 0)
                return fail(argv[optind + i]);
        for (int i = 0; i < mount_count; i++)
            if (statfs(mounts[i], &space) < 0)
                return fail(mounts[i]);
    }
    return 0;
}
