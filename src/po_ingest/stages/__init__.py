"""The six stages of a run (R1), one file each, all pure functions."""
