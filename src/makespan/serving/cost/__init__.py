"""How long a step of an engine takes, by operators and layers, and how that is calibrated."""
