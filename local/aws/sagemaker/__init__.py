"""SageMaker jobs as local processes, with the packages of their container image and an /opt/ml as on AWS."""
