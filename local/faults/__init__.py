"""Faults between a run and the local cloud: calls recorded, refused, lost, held, clients killed. Off unless asked for."""
