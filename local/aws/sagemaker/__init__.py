"""SageMaker's jobs run for real: each is a local process in the packages of its container, with /opt/ml as on AWS."""
