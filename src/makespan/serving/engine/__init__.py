"""Engines that serve a workload in virtual time: an event-driven one, and a plain reference.

Both follow the scheduler of vLLM v1 (0.32, synchronous): those that run come first and grow block
by block, who lacks a block preempts the last of the running, the head of the queue is admitted if
its whole sequence fits, prompts are computed in chunks, full blocks are found again by content.
"""
