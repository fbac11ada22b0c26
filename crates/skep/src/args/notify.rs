//! What may be typed about notices.

use clap::Subcommand;

/// What can be done about notices.
#[derive(Debug, Subcommand)]
pub(crate) enum Notify {
    /// What you were told, the newest first, and what became of each on its channels
    #[command(after_help = "\
due         it goes when its time comes
sent        the channel took it
maybe sent  no answer came, and it is not sent again
failed      it was refused, five times
withdrawn   it was settled before it went")]
    Ls,
    /// Send a test, and say what came of it
    #[command(after_help = "Leaves with 1 where a channel did not take it.")]
    Test {
        /// One channel, by its name in the settings [default: each]
        channel: Option<String>,
    },
    /// Tell your Telegram something, with or without a daemon
    #[command(
        hide = true,
        after_help = "\
It always leaves with 0: what goes wrong is written to notify.log in the home. A blank text does nothing."
    )]
    Send {
        /// What is to be told, or - for standard input
        text: String,
    },
}
