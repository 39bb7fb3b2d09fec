"""The SDK's streams: lists, children, documents; their records, bookmarks and counts."""
