"""What an episode, a silence or a failure becomes: a call for an officer's decision."""
