"""Where an answer stands in a text. Pure text; what it means is for others to say."""
