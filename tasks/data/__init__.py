"""Published files become problems: reading, columns, checks, copies held against each other; and the texts of generated ones."""
