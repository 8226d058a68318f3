"""The shop's gold tables into MARTS."""
