"""Trained networks at use: predictions for new bags, and how far these are from those of training."""
