"""What people do given the features changes, and the features do not: surrogates, where no truth is known."""
