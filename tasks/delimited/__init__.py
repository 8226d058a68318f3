"""Delimited text files from strangers, read so that no line is lost without a word. docs/delimited.md explains how."""
