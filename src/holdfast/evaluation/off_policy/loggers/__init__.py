"""Off-policy evaluation of logs that several policies made."""
