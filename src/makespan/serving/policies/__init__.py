"""Policies: who is admitted when, who gives up memory, and who is sent where; one file each."""
