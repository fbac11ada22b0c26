//! What the demo would leave behind, known by the folder that is its alone.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use skep_api::place::Home;
use skep_host::tree::{self, Process, Table};

use super::LOOKS;

/// How long what is on its way out is given.
const ON_ITS_WAY: Duration = Duration::from_secs(3);
/// How long the rest is killed for.
const KILLING: Duration = Duration::from_secs(10);

/// Ends every process that names `root`, and returns how many would not go; the sockets go with them.
pub(in crate::commands) fn end_all(root: &Path, home: &Home) -> std::io::Result<usize> {
    let begun = Instant::now();
    let left = loop {
        let left = naming(root)?;
        if left.is_empty() || begun.elapsed() > ON_ITS_WAY + KILLING {
            break left;
        }
        if begun.elapsed() > ON_ITS_WAY {
            for process in left {
                // One that cannot be signalled is still there at the next look, and counted at the end.
                let _refused = tree::signal(process, Signal::KILL);
            }
        }
        thread::sleep(LOOKS);
    };
    if left.is_empty() && !home.sockets().starts_with(root) && home.sockets().exists() {
        fs::remove_dir_all(home.sockets())?;
    }
    Ok(left.len())
}

/// The living processes that have `root` in their arguments or their environment, or stand in it.
fn naming(root: &Path) -> std::io::Result<Vec<Process>> {
    let needle = root.as_os_str().as_encoded_bytes();
    let names = |bytes: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    let is_ours = |pid: u32| {
        // Whatever cannot be read belongs to somebody else.
        let read = |file: &str| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        let folder = fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
        names(&read("cmdline")) || names(&read("environ")) || folder.starts_with(root)
    };
    let me = std::process::id();
    let rows = Table::read()?;
    let ours = rows.rows().filter(|row| !row.zombie && row.process.pid != me);
    Ok(ours.map(|row| row.process).filter(|process| is_ours(process.pid)).collect())
}
