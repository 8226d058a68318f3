"""The AWS side of the local cloud: moto in one process, made to do what it otherwise only claims to do."""
