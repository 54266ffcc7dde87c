"""What people do with the clinical record; each act is asked of a login before it is done."""
