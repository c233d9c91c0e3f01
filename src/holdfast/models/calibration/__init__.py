"""Maps that make a head's predictions mean what they say, fitted on the validation window."""
