//! Owns: the answers that a forge gave already, with the marks by which it says that nothing is new.
//! Never: grows past its bounds, or outlives the process.

use std::collections::BTreeMap;

/// The most of all answers together. Bytes.
const BYTES: usize = 8 * 1024 * 1024;

/// The most answers.
const ANSWERS: usize = 500;

#[derive(Debug)]
struct Answer {
    etag: String,
    body: Vec<u8>,
    next: Option<String>,
    /// Grows with every use.
    used: u64,
}

#[derive(Debug, Default)]
pub(super) struct Known {
    by_path: BTreeMap<String, Answer>,
    bytes: usize,
    uses: u64,
}

impl Known {
    pub(super) fn etag(&mut self, path: &str) -> Option<String> {
        self.uses += 1;
        let answer = self.by_path.get_mut(path)?;
        answer.used = self.uses;
        Some(answer.etag.clone())
    }

    pub(super) fn held(&self, path: &str) -> Option<(Vec<u8>, Option<String>)> {
        self.by_path.get(path).map(|answer| (answer.body.clone(), answer.next.clone()))
    }

    pub(super) fn keep(&mut self, path: &str, etag: &str, body: &[u8], next: Option<&str>) {
        self.drop(path);
        if body.len() > BYTES / 4 {
            return;
        }
        self.uses += 1;
        self.bytes += body.len();
        let answer = Answer {
            etag: etag.to_owned(),
            body: body.to_owned(),
            next: next.map(str::to_owned),
            used: self.uses,
        };
        self.by_path.insert(path.to_owned(), answer);
        while self.bytes > BYTES || self.by_path.len() > ANSWERS {
            let oldest = self.by_path.iter().min_by_key(|(_, answer)| answer.used);
            let Some(path) = oldest.map(|(path, _)| path.clone()) else { break };
            self.drop(&path);
        }
    }

    fn drop(&mut self, path: &str) {
        if let Some(gone) = self.by_path.remove(path) {
            self.bytes -= gone.body.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_stays_within_its_bounds_and_the_oldest_goes_first() {
        let mut known = Known::default();
        let body = vec![b'x'; BYTES / 8];
        for nth in 0..9 {
            known.keep(&format!("/{nth}"), "e", &body, None);
            assert!(known.etag("/0").is_some() && known.bytes <= BYTES);
        }
        assert!(known.held("/1").is_none() && known.held("/8").is_some());
        known.keep("/big", "e", &vec![b'x'; BYTES / 2], None);
        assert!(known.held("/big").is_none());
        for nth in 0..2 * ANSWERS {
            known.keep(&format!("/n{nth}"), "e", b"x", None);
        }
        assert!(known.by_path.len() <= ANSWERS);
    }
}
