"""What a run says, measure by measure, each with its interval."""
