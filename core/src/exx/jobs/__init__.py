"""Asking many requests: jobs at batch services (``queue``), and one by one, several at once (``online``)."""
