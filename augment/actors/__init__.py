"""Ray actors, one a file: thin shells that give the plain classes processes, places and restarts."""
