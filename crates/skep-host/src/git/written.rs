//! Owns: how file names that may hold any byte are written down.
//! Never: is where a file is found again by its name.

/// Paths as text; what is not UTF-8 is written as what stands in for it.
pub(crate) mod all {
    use std::path::PathBuf;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(paths: &[PathBuf], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(paths.iter().map(|path| path.to_string_lossy()))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<PathBuf>, D::Error> {
        Vec::<PathBuf>::deserialize(from)
    }
}
