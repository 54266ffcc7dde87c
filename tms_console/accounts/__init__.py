"""Who may do what: users, passwords, keys, enrolments, signatures, and their verification."""
