"""The revisions, oldest first. A released one is never changed; a change is a new file."""
