"""Where the processor time of a swipe goes, by function."""

from __future__ import annotations

import cProfile
import pstats

from benchmarks.clients import Call

TURNS = 300


def show(call: Call) -> None:
    """The dearest functions, by the time inside them and by the time below them."""
    profiler = cProfile.Profile()
    profiler.enable()
    for turn in range(TURNS):
        call(1000 + turn)
    profiler.disable()
    print(f"\n{TURNS} swipes under cProfile, which about doubles the time of Python itself")
    told = pstats.Stats(profiler)
    told.sort_stats("tottime").print_stats(25)
    told.sort_stats("cumulative").print_stats(60)
