"""Engines that turn a Problem into a Result, and ``solve``, which runs and verifies them.

Engines are found by name in :mod:`makespan.solvers.registry` and imported on first use, so that
importing this package loads no backend.
"""
