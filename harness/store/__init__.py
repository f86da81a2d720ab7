"""What is on disk: folders, runs, samples, disk faults."""
