"""The Python side of the benchmarks: fastcore beside its peers, measured in one run."""
