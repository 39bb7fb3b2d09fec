"""An Airbyte source over the tap: https://docs.airbyte.com/platform/understanding-airbyte/airbyte-protocol.

The tap runs as a child process; its Singer messages become Airbyte messages, and nothing of Airbyte is needed for it.
"""
