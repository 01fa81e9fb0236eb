"""Observers: who is told how runs go. Each `create` returns none where the configuration does not ask for it."""
