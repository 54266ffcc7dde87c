"""An independent input on the stimulator's trigger output: when each pulse really came."""
