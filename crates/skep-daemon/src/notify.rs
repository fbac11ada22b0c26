//! Telling people: messages to their channels, and what they answer.
//!
//! Owns: how each channel is spoken to, one message at a time as the core says; the settings of notices, read anew when they
//! change. Never: decides who is told what, sends again what a channel may have taken, or stands in the way of anything.
//!
//! | effect | again |
//! |---|---|
//! | notify | a webhook counts the notice's id; of any other channel nobody knows, and it is reported in doubt |
//! | amend | the message says the same once more |

use std::{
    collections::BTreeSet,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, mpsc::Sender},
    thread,
    time::Duration,
};

use skep_api::view::SentView;
use skep_core::{
    fleet::{self, Fleet},
    notice::{Came, Effect, Input, Kind, Notice, Priority},
    time::Timestamp,
};

use crate::{
    board::Board,
    config::{
        self,
        notify::{ChannelKind, ChannelSettings, NotifySettings},
    },
    engine::{Due, Inbox},
};

mod answers;
mod channel;
mod command;
mod desktop;
pub mod direct;
mod http;
mod ntfy;
mod telegram;
#[cfg(test)]
mod tests;
mod webhook;
mod words;

use channel::Channel;

/// How often the settings are looked at for a change.
const LOOK: Duration = Duration::from_secs(10);
/// What is said of a message that the daemon before this one was sending.
const KILLED: &str = "the daemon ended while it was being sent";

/// Sends what is due, and listens for answers.
#[derive(Debug)]
pub struct Notifier {
    /// The folder of the settings.
    config: PathBuf,
    epoch: u64,
    board: Arc<Board>,
    inbox: Sender<Inbox>,
    clock: fn() -> Timestamp,
    /// The channels that somebody listens on.
    listening: Mutex<BTreeSet<String>>,
    /// How often the settings were told by this daemon.
    told: Mutex<u64>,
}

impl Notifier {
    /// Makes one that has nothing to do yet.
    pub fn new(
        config: &Path,
        epoch: u64,
        board: Arc<Board>,
        inbox: Sender<Inbox>,
        clock: fn() -> Timestamp,
    ) -> Notifier {
        Notifier {
            config: config.to_owned(),
            epoch,
            board,
            inbox,
            clock,
            listening: Mutex::default(),
            told: Mutex::default(),
        }
    }

    /// Tells the settings, now and when they change, and listens where answers may come.
    pub fn start(self: &Arc<Notifier>) -> io::Result<()> {
        let me = Arc::clone(self);
        thread::Builder::new().name("notify-settings".to_owned()).spawn(move || {
            let mut seen = None;
            loop {
                let now = me.fingerprint();
                if seen.as_ref() != Some(&now) {
                    seen = Some(now);
                    me.read_settings();
                }
                // There is no event for a file that a person edits in place and another that takes its place.
                thread::sleep(LOOK);
                if me.board.read().closing {
                    return;
                }
            }
        })?;
        Ok(())
    }

    /// Of the settings' file and of the hour, which moves with summer time.
    fn fingerprint(&self) -> (Option<(std::time::SystemTime, u64)>, u64) {
        let meta = std::fs::metadata(config::user_file(&self.config)).ok();
        let of_file = meta.and_then(|meta| Some((meta.modified().ok()?, meta.len())));
        (of_file, (self.clock)().0 / 3_600_000)
    }

    /// Reads the settings, and tells the core what is new in them. What does not read leaves all as it was.
    pub fn read_settings(self: &Arc<Notifier>) {
        let settings = match config::user(&self.config) {
            Ok(settings) => settings.notify,
            Err(err) => return log(&format!("settings: {}", skep_api::wire::chain(&err))),
        };
        let rules = settings.rules(config::notify::ahead_min(&settings));
        if rules != self.board.read().fleet.notices.rules {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            *told += 1;
            let key = format!("notify/{}/{}", self.epoch, *told);
            self.report(key, Input::Rules(rules));
        }
        for (name, channel) in settings.channels {
            if channel.kind == ChannelKind::Telegram && channel.answers {
                self.listen(&name);
            }
        }
    }

    fn listen(self: &Arc<Notifier>, name: &str) {
        let mut listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        if !listening.insert(name.to_owned()) {
            return;
        }
        let (me, channel) = (Arc::clone(self), name.to_owned());
        let listens = thread::Builder::new().name("notify-answers".to_owned()).spawn(move || {
            answers::Listener::new(&me, &channel).serve();
            me.listening.lock().unwrap_or_else(PoisonError::into_inner).remove(&channel);
        });
        if let Err(err) = listens {
            listening.remove(name);
            log(&format!("channel {name}: nobody listens for answers: {err}"));
        }
    }

    /// Takes an effect; returns at once.
    pub fn take(self: &Arc<Notifier>, due: &Due, effect: &Effect) {
        let (me, kept, effect) = (Arc::clone(self), due.clone(), effect.clone());
        let started = thread::Builder::new().name("notify".to_owned()).spawn(move || {
            let fleet = me.board.read().fleet;
            skep_host::paths::crash_point(&format!("{}.before", effect.kind()));
            let input = me.perform(&effect, &fleet);
            skep_host::paths::crash_point(&format!("{}.after", effect.kind()));
            me.tell(&kept, input);
        });
        if let Err(err) = started {
            let text = format!("no thread could be started: {err}");
            let effect = match &due.effect {
                fleet::Effect::Notice(effect) => effect,
                fleet::Effect::Run(_) | fleet::Effect::Task(_) => return,
            };
            self.tell(due, came(effect, refused(text)));
        }
    }

    /// Takes what the last daemon left: it may have been done, and only where that does no harm it is done again.
    pub fn take_up(self: &Arc<Notifier>, due: &Due, effect: &Effect) {
        let Effect::Notify { channel, .. } = effect else { return self.take(due, effect) };
        let kind = self.settings().ok().and_then(|all| Some(all.channels.get(channel)?.kind));
        if kind.is_some_and(ChannelKind::counts_once) {
            return self.take(due, effect);
        }
        let doubt = Came::Unclear { text: KILLED.to_owned(), receipts: Vec::new() };
        self.tell(due, came(effect, doubt));
    }

    fn settings(&self) -> Result<NotifySettings, String> {
        let settings = config::user(&self.config).map_err(|err| skep_api::wire::chain(&err))?;
        Ok(settings.notify)
    }

    fn perform(&self, effect: &Effect, fleet: &Fleet) -> Input {
        match effect {
            Effect::Notify { channel, notices, parts, .. } => {
                let kept = notices.iter().filter_map(|id| fleet.notices.kept.get(id));
                let notices: Vec<&Notice> = kept.map(|kept| &kept.notice).collect();
                let sent = match self.channel(channel) {
                    Ok(channel) => channel.send(&notices, *parts),
                    Err(text) => refused(text),
                };
                if let Came::Refused { text, .. } | Came::Unclear { text, .. } = &sent {
                    log(&format!("channel {channel}: {text}"));
                }
                came(effect, sent)
            }
            Effect::Amend { channel, notice, receipts, text } => {
                let kept = fleet.notices.kept.get(notice);
                let amended = self.channel(channel).and_then(|channel| match kept {
                    Some(kept) => channel.amend(&kept.notice, receipts, text),
                    None => Ok(()),
                });
                if let Err(text) = amended {
                    log(&format!("channel {channel}: {text}"));
                }
                Input::Done
            }
        }
    }

    /// The channel as the settings say now.
    fn channel(&self, name: &str) -> Result<Channel, String> {
        let settings = self.settings()?;
        let settings = settings.channels.get(name).ok_or("no such channel is set")?;
        Channel::of(settings)
    }

    /// Sends a test, to one channel or to all, and says what came of it.
    ///
    /// Errors: settings that do not read, as they say themselves.
    pub fn test(&self, only: Option<&str>) -> Result<Vec<SentView>, config::ConfigError> {
        let settings = config::user(&self.config)?.notify;
        let chosen = settings.channels.iter().filter(|(name, _)| only.is_none_or(|it| it == *name));
        let now = (self.clock)();
        Ok(chosen.map(|(name, channel)| tested(name, channel, now)).collect())
    }

    /// Names of the channels that are set.
    ///
    /// Errors: settings that do not read, as they say themselves.
    pub fn names(&self) -> Result<Vec<String>, config::ConfigError> {
        Ok(config::user(&self.config)?.notify.channels.into_keys().collect())
    }

    fn tell(&self, due: &Due, input: Input) {
        self.report(format!("{}{}", skep_ledger::outbox::REPORT, due.id), input);
    }

    fn report(&self, key: String, input: Input) {
        let input = Box::new(fleet::Input::Notice(input));
        // The engine closes last; the effect then stays in the outbox.
        let _closed = self.inbox.send(Inbox::Report { key, source: "notify".to_owned(), input });
    }
}

fn came(effect: &Effect, came: Came) -> Input {
    match effect {
        Effect::Notify { channel, nth, .. } => {
            Input::Came { channel: channel.clone(), nth: *nth, came }
        }
        Effect::Amend { .. } => Input::Done,
    }
}

fn refused(text: String) -> Came {
    Came::Refused { text, parts: 0, receipts: Vec::new(), after_ms: None }
}

/// A notice that says nothing but that it came.
fn trial(now: Timestamp) -> Notice {
    Notice {
        id: skep_core::id::NoticeId::new(crate::resolve::spell(&format!("test/{now}"))),
        kind: Kind::TaskCompleted,
        subject: "fleet".to_owned(),
        about: skep_core::notice::About::Fact {},
        project: None,
        title: "A test from skep".to_owned(),
        text: "What you read here, you will be told here.".to_owned(),
        options: Vec::new(),
        ways: vec!["skep notify ls".to_owned()],
        priority: Priority::Normal,
        at: now,
    }
}

fn tested(name: &str, settings: &ChannelSettings, now: Timestamp) -> SentView {
    let notice = trial(now);
    let came = Channel::of(settings).map_or_else(refused, |channel| channel.send(&[&notice], 0));
    let (state, text) = match came {
        Came::Sent { .. } => ("sent", None),
        Came::Refused { text, .. } => ("failed", Some(text)),
        Came::Unclear { text, .. } => ("maybe_sent", Some(text)),
    };
    SentView {
        channel: name.to_owned(),
        kind: settings.kind.as_str().to_owned(),
        state: state.to_owned(),
        text,
    }
}

fn log(text: &str) {
    // Without a log there is nowhere to tell it.
    let _unread = writeln!(io::stderr(), "notify: {}", skep_core::text::one_line(text));
}
