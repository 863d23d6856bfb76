"""Parts of the verifier, one family of constraints per module.

Nothing here imports an engine or code that engines share: the checks rest on the data tables,
the fields of calendars and NumPy alone. :mod:`makespan.core.verify` runs them all.
"""
