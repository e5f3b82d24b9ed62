"""Tests of `agents/system/sockets`."""
