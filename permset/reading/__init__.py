"""Bags from files of your own."""
