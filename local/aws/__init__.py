"""The local AWS server: moto in one process, extended to run jobs for real."""
