//! Whether agents can be kept from writing outside of their own place here.

use std::path::Path;

use skep_host::fence;

use super::Finding;
use crate::config::{self, FenceMode};

pub(super) fn fence(config: &Path) -> Finding {
    let Ok(settings) = config::user(config) else {
        return Finding::note("fence", "not looked at: the settings do not read");
    };
    match (settings.fence.mode, fence::is_possible()) {
        (FenceMode::Off, _) => Finding::note("fence", "off: agents can write wherever you can")
            .way("skep config set fence.mode on"),
        (_, true) => Finding::well("fence", "agents write in their own place only"),
        (FenceMode::On, false) => Finding::note("fence", "no fence: this kernel has no Landlock"),
        (FenceMode::Require, false) => Finding::ill(
            "fence",
            "no fence: this kernel has no Landlock",
        )
        .why("`fence.mode` is `require`, so that no agent starts")
        .way("boot with `landlock` in the kernel's `lsm=` list, or: skep config set fence.mode on"),
    }
}
