"""The life of a task: polls, transforms, converts, appends, puts, commits, and what is done about bad records."""
