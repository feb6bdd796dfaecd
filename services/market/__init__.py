"""The market picture: quotes, marks, rates, indexes with their ages; the funding board."""
