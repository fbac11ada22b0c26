//! skep-harness
