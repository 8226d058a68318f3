"""The churn model inside SageMaker's XGBoost container: train.py, evaluate.py and inference.py, and what they share.

A job's source is the three programs at the top and this package below them as jobs/sagemaker/churn.
"""
