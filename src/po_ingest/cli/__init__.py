"""The command line: what users type, and what they see. No logic."""
