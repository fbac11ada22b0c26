//! skep-ledger
