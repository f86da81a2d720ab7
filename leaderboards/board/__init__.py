"""Every run as a row, ranked within its protocol, and what stands beside: lineage, other harnesses, papers."""
