"""Planners: they learn how to share out what others live on."""
