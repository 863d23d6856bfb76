"""makespan beside its peers: equal instances, wall time and threads; every schedule verified.

    python -m benchmarks.peers sets                        # what can be run here
    python -m benchmarks.peers run --sets ft abz --limit 10
    python -m benchmarks.peers page FILE.jsonl             # render recorded runs, run nothing
    python -m benchmarks.peers docs                        # tables in docs/benchmarks.md

``instances`` says on what, ``engines`` by whom, ``worker`` and ``runner`` how a run is made,
``journal`` how it is kept, ``scores`` what is computed from it, ``page`` and ``summary`` what is
shown.
"""
