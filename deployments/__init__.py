"""What a Prefect server must know before `prefect deploy --all`: the ECS work pool and its queues."""
