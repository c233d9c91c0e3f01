"""Floor 2: worlds whose truth we know: users, items, their reactions, and the policies that serve them."""
