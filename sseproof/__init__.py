"""A conformance battery and an honest benchmark for Server-Sent Events servers."""
