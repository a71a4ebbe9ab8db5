"""Bags in memory: tasks, targets, batches."""
