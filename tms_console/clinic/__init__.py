"""What people do with the clinical record, each act asked of a login and checked before it is done."""
