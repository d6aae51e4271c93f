"""Learners of learning: trained over many trials with learners, and shipped trained."""
