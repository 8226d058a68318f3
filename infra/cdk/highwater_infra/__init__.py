"""The AWS account of Highwater: one module per stack."""
