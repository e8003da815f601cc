"""What people owe and what they paid: obligations, recurring fees, a double-entry ledger."""
