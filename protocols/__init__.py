"""What is to be delivered: patterns, schedules, doses and limits; no device, no database."""
