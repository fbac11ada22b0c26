//! A person's own program: the notice as JSON on its standard input, under a gatekeeper that is tied to the daemon.
//!
//! Its environment has what a notice is, `SKEP_NOTICE_ID`, `_KIND`, `_SUBJECT` and `_PRIORITY`, and none of its words.

use skep_core::notice::{Came, Notice};
use skep_host::proc::Program;

use super::{desktop, http, words};
use crate::launch;

pub(super) fn send(argv: &[String], notice: &Notice) -> Came {
    let vars = launch::own_vars();
    let home = vars.get("HOME").filter(|home| std::path::Path::new(home).is_dir()).cloned();
    let mut input = words::json(notice).to_string().into_bytes();
    input.push(b'\n');
    let program = Program::new("/proc/self/exe")
        .args(["gatekeeper", "--tied", "--"])
        .args(argv)
        .envs(&vars)
        .env("SKEP_NOTICE_ID", notice.id.as_str())
        .env("SKEP_NOTICE_KIND", notice.kind.as_str())
        .env("SKEP_NOTICE_SUBJECT", &notice.subject)
        .env("SKEP_NOTICE_PRIORITY", notice.priority.as_str())
        .cwd(std::path::Path::new(home.as_deref().unwrap_or("/")))
        .stdin(input)
        .timeout(http::PATIENCE);
    desktop::came(argv.first().map_or("", String::as_str), program)
}
