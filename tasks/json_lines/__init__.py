"""JSON files from outside senders: an array of objects, or an object a line (docs/marketing.md)."""
