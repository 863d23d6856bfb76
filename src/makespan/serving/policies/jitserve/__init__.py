"""JITServe: bounds of lengths, sub-deadlines of tasks, priorities, GMAX, frames, and its router."""
