//! Listening on a channel of Telegram: answers of those who may, while something can be answered.
//!
//! Owns: what counts as an answer; that each update counts once, over restarts too: its number is the wish's key.
//! Never: does anything but answer, or says a word to a stranger.

use std::{
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use skep_core::{
    fleet,
    notice::{About, Input},
};

use super::{
    Notifier, log,
    telegram::{Bot, Trouble, Update},
};
use crate::{
    board::Posted,
    config::notify::ChannelSettings,
    engine::{Inbox, Refused},
};

/// How long it rests after an answer that says no, or none: first, and at the most.
const FIRST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(120);
/// How long it rests after an answer that told nothing new, and came sooner than this.
const BREATH: Duration = Duration::from_millis(500);
/// How often a channel that nobody can answer on is looked at in the settings.
const LOOK: Duration = Duration::from_secs(60);

/// Whoever listens on one channel.
pub(super) struct Listener<'a> {
    notifier: &'a Arc<Notifier>,
    channel: &'a str,
    /// The update after the one that was looked at last. Numbers grow, but for those after a week without any.
    offset: u64,
    ignored: u64,
}

impl Listener<'_> {
    pub(super) fn new<'a>(notifier: &'a Arc<Notifier>, channel: &'a str) -> Listener<'a> {
        let heard = notifier.board.read().fleet.notices.heard.get(channel).map(|it| it.update + 1);
        Listener { notifier, channel, offset: heard.unwrap_or(0), ignored: 0 }
    }

    /// Listens until the daemon goes, or nobody is to be listened to any more.
    pub(super) fn serve(&mut self) {
        let mut rest = FIRST;
        let mut bot: Option<(ChannelSettings, Bot)> = None;
        while self.wait_for_something() {
            if !self.is_wanted() {
                return;
            }
            // A token may come from a command; it is asked for once, and again after each trouble.
            let ready = match bot.take().filter(|(settings, _)| self.holds(settings)) {
                Some(bot) => Ok(bot),
                None => self.bot(),
            };
            let asked = Instant::now();
            let heard = ready.and_then(|it| match it.1.updates(self.offset) {
                Ok(updates) => Ok((it, updates)),
                Err(Trouble::Refused { text, code: 409, .. }) => {
                    Err(format!("{text} (another program listens to this bot)"))
                }
                Err(trouble) => Err(trouble.text().to_owned()),
            });
            match heard {
                Ok((it, updates)) => {
                    rest = FIRST;
                    let before = self.offset;
                    // The question was open for a while, and who may answer may be somebody else by now: then it is asked anew.
                    if self.holds(&it.0) {
                        for update in updates {
                            self.offset = update.id.saturating_add(1);
                            self.hear(&it.1, &update);
                        }
                        bot = Some(it);
                    }
                    if self.offset == before && asked.elapsed() < BREATH {
                        thread::sleep(BREATH);
                    }
                }
                Err(text) => {
                    log(&format!("channel {}: listening: {text}", self.channel));
                    thread::sleep(rest);
                    rest = (rest * 2).min(LONGEST);
                }
            }
        }
    }

    fn is_wanted(&self) -> bool {
        // Settings that do not read leave all as it was.
        self.notifier.settings().map_or(true, |settings| {
            settings.channels.get(self.channel).is_some_and(|channel| channel.answers)
        })
    }

    /// Whether these are still the settings of the channel.
    fn holds(&self, channel: &ChannelSettings) -> bool {
        // Settings that do not read leave all as it was.
        self.notifier.settings().map_or(true, |settings| {
            settings.channels.get(self.channel).is_some_and(|it| it == channel)
        })
    }

    fn bot(&self) -> Result<(ChannelSettings, Bot), String> {
        let mut settings = self.notifier.settings()?;
        let channel = settings.channels.remove(self.channel).ok_or("no such channel is set")?;
        channel.incomplete().map_or(Ok(()), Err)?;
        let bot = Bot::of(&channel)?;
        Ok((channel, bot))
    }

    /// Waits until there is something that can be answered here; no, where there is nobody to wait for it.
    fn wait_for_something(&self) -> bool {
        let mut posted = self.notifier.board.read();
        while !posted.closing && !self.is_answerable(&posted) {
            let until = Instant::now() + LOOK;
            posted = self.notifier.board.wait_beyond(posted.seq, Some(until));
            if Instant::now() >= until && !self.is_wanted() {
                return false;
            }
        }
        !posted.closing
    }

    fn is_answerable(&self, posted: &Posted) -> bool {
        posted.fleet.notices.kept.values().any(|kept| {
            let asks = matches!(kept.notice.about, About::Question { .. } | About::Request { .. });
            let sent = kept.fates.get(self.channel).is_some_and(|fate| !fate.receipts().is_empty());
            asks && sent && posted.fleet.is_open(kept)
        })
    }

    fn hear(&mut self, bot: &Bot, update: &Update) {
        let (Some(said), Some(to)) = (&update.said, &update.to) else { return self.ignore() };
        if !bot.may_answer(update) {
            return self.ignore();
        }
        let input = Input::Heard {
            channel: self.channel.to_owned(),
            update: update.id,
            by: format!("telegram:{}", update.from),
            to: to.clone(),
            said: said.clone(),
        };
        let key = format!("telegram/{}/{}", self.channel, update.id);
        match self.wish(&key, update, input) {
            Some(Ok(())) => {}
            // It counted before; who gave it was told.
            None => return,
            Some(Err(Refused::Rejected(_))) => return self.ignore(),
            Some(Err(Refused::Ledger { text, .. })) => {
                log(&format!("channel {}: an answer was not taken: {text}", self.channel));
                let _courtesy = bot.reply(update, "it cannot be taken now; answer again");
                return;
            }
        }
        let heard = self.notifier.board.read().fleet.notices.heard.get(self.channel).cloned();
        let why = heard.filter(|heard| heard.update == update.id).and_then(|heard| heard.why);
        let words = match (&why, &update.press) {
            (Some(why), _) => why.as_str(),
            (None, Some(_)) => "Taken.",
            // The message itself says who answered what.
            (None, None) => return,
        };
        if let Err(text) = bot.reply(update, words) {
            log(&format!("channel {}: {text}", self.channel));
        }
    }

    /// Gives it to the engine, and waits until it is durable; none where it was given before.
    fn wish(&self, key: &str, update: &Update, input: Input) -> Option<Result<(), Refused>> {
        let (reply, seen) = mpsc::channel();
        self.notifier.inbox.send(Inbox::Seen { key: key.to_owned(), reply }).ok()?;
        if seen.recv().is_ok_and(|seen| seen.is_ok_and(|seq| seq > 0)) {
            return None;
        }
        let (reply, answer) = mpsc::channel();
        let wish = Inbox::Wish {
            key: key.to_owned(),
            source: format!("telegram:{}", update.from),
            input: Box::new(fleet::Input::Notice(input)),
            reply,
        };
        self.notifier.inbox.send(wish).ok()?;
        answer.recv().ok().map(|answer| answer.map(|_| ()))
    }

    /// Counts what is none of an answer; whoever did it hears nothing of that.
    fn ignore(&mut self) {
        self.ignored += 1;
        if self.ignored.is_power_of_two() {
            log(&format!("channel {}: {} updates ignored", self.channel, self.ignored));
        }
    }
}
