"""Tables of the lake into the warehouse: gold into MARTS, churn scores into ML_OUTPUTS."""
