"""Doubles that go wrong on purpose."""
