"""The vocabulary of dependent work: problems, schedules, results, traces, and what verifies them.

The names most users need are at the root of the package; engines import from the modules here.
"""
