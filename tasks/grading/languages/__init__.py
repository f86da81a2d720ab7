"""In which languages a text is written."""
