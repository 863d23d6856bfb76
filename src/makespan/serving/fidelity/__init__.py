"""How far simulated runs are from real ones: replays, fits and their errors."""
