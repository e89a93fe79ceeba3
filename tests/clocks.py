"""A clock of the day that jumps, for programs that are started with it: real servers, and Python.

A library that is compiled here and loaded before the C library adds an offset, read from a file that is
mapped, to what the system says of the day's time. What only goes forward (CLOCK_MONOTONIC) stays as it is.
"""

from __future__ import annotations

import os
import shlex
import struct
import subprocess
from pathlib import Path

import pytest

__all__ = ["JumpingClock"]

SOURCE = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int64_t seconds(void) {
  static volatile int64_t* offset;
  if (!offset) {
    const char* path = getenv("FASTCORE_TEST_CLOCK");
    int file = path ? open(path, O_RDONLY) : -1;
    if (file < 0) return 0;
    void* page = mmap(0, 8, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (page == MAP_FAILED) return 0;
    offset = page;
  }
  return *offset;
}

int clock_gettime(clockid_t clock, struct timespec* out) {
  int failed = (int)syscall(SYS_clock_gettime, clock, out);
  if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) out->tv_sec += seconds();
  return failed;
}

int gettimeofday(struct timeval* restrict out, void* restrict zone) {
  (void)zone;
  struct timespec now;
  int failed = clock_gettime(CLOCK_REALTIME, &now);
  out->tv_sec = now.tv_sec;
  out->tv_usec = now.tv_nsec / 1000;
  return failed;
}

time_t time(time_t* out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}
"""


class JumpingClock:
    """What is started after `install` has this clock; the program that installs it keeps the system's."""

    def __init__(self, folder: Path) -> None:
        self.file, self.library = folder / "clock", folder / "clock.so"
        self.file.write_bytes(struct.pack("<q", 0))
        source = folder / "clock.c"
        source.write_text(SOURCE)
        compiler = shlex.split(os.environ.get("CC", "cc"))
        options = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror"]
        subprocess.run([*compiler, *options, "-o", self.library, source], check=True)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LD_PRELOAD", str(self.library))
        monkeypatch.setenv("FASTCORE_TEST_CLOCK", str(self.file))

    def jump(self, seconds: int) -> None:
        """Let the day's time be so many seconds from the system's."""
        with self.file.open("r+b") as file:
            file.write(struct.pack("<q", seconds))
