"""Who chose what was shown changes."""
