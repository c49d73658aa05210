//! Taking: the sender's permission is asked again, then the receiver's.

use crate::action::{MsgReceive, MsgSubscribe};
use crate::gate::{Chain, Permit};
use crate::post::desk::{Answer, Asker, Desk, Letter, Taken};
use crate::post::send::{may_hear, parse};
use crate::post::sender::Sender;
use crate::post::{Office, PostError};
use crate::{Peer, Session, Topic};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How many messages that the receiver may not hear are recorded singly. Who sends decides how many come, so the rest is
/// counted, and told at each doubling.
const RECORDED_SINGLY: u64 = 64;

/// How many letters one look refuses before others have their turn.
const REFUSED_AT_ONCE: usize = 64;

/// A receiver's end. Dropping it closes the mailbox: whoever waits for an answer hears that there will be none.
#[derive(Debug)]
pub struct Inbox {
    desk: Arc<Desk>,
    office: Office,
    refused: AtomicU64,
    dropped: AtomicU64,
}

/// A message that is the receiver's.
#[derive(Debug)]
#[non_exhaustive]
pub struct Delivery {
    /// The receiver's number for it.
    pub id: u64,
    /// Who sent it.
    pub sender: Sender,
    /// On whose behalf it was sent, the sender first.
    pub chain: Arc<Chain>,
    /// For an event, its topic.
    pub topic: Option<Topic>,
    /// Whether the sender waits for an answer.
    pub wants_reply: bool,
    /// How long anybody still wants it; none if that has no end.
    pub time_to_live: Option<Duration>,
    /// How often it was delivered, this time included.
    pub deliveries: u32,
    /// How many events were missed before it.
    pub missed: u64,
    /// What the sender wrote.
    pub body: Arc<[u8]>,
}

impl Inbox {
    pub(in crate::post) fn new(desk: Arc<Desk>, office: Office) -> Inbox {
        Inbox { desk, office, refused: AtomicU64::new(0), dropped: AtomicU64::new(0) }
    }

    /// The next message that the receiver may hear, waiting for it. Whoever deals with it serves its chain.
    pub async fn next(&self, session: &Arc<Session>, import: &'static str) -> Result<Delivery, PostError> {
        loop {
            // Registered before the look, so that nothing is missed in between.
            let news = self.desk.news.notified();
            match self.try_next(session, import) {
                Ok(Some(delivery)) => return Ok(delivery),
                Ok(None) if self.desk.is_closed() => return Err(PostError::Ended),
                Ok(None) => news.await,
                // Others first.
                Err(Busy) => tokio::task::yield_now().await,
            }
        }
    }

    /// Returns when something waits, or nothing comes any more.
    pub async fn news(&self) {
        loop {
            let news = self.desk.news.notified();
            if self.desk.depth() > 0 || self.desk.is_closed() {
                return;
            }
            news.await;
        }
    }

    /// The next message that the receiver may hear, if there is one now; an error when nothing comes any more.
    ///
    /// # Errors
    /// [`PostError::Ended`].
    pub fn take(&self, session: &Arc<Session>, import: &'static str) -> Result<Option<Delivery>, PostError> {
        match self.try_next(session, import) {
            Ok(None) if self.desk.is_closed() => Err(PostError::Ended),
            Ok(taken) => Ok(taken),
            Err(Busy) => Ok(None),
        }
    }

    pub(in crate::post) fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }

    /// The next message, if there is one now.
    fn try_next(&self, session: &Arc<Session>, import: &'static str) -> Result<Option<Delivery>, Busy> {
        for _ in 0..REFUSED_AT_ONCE {
            let Some(taken) = self.desk.next() else { return Ok(None) };
            if let Some(delivery) = self.judge(taken, session, import) {
                return Ok(Some(delivery));
            }
        }
        Err(Busy)
    }

    /// Whether a letter may still be handed over. If not it is dropped, counted, and its sender told if it waits.
    fn judge(&self, taken: Taken, session: &Arc<Session>, import: &'static str) -> Option<Delivery> {
        let Taken { letter, missed } = taken;
        if let Some(why) = lapsed(&letter, import) {
            self.drop_letter(letter.reply, why);
            return None;
        }
        // Under way until it is handed over, so that a change of policies waits for that.
        let (lease, action, by) = (letter.lease.clone(), letter.action, letter.import);
        let under_way = match letter.sender.component() {
            Some(sender) => {
                let Some(permit) = self.heard(sender, session, import) else {
                    tell(letter.reply, Answer::Refused);
                    return None;
                };
                permit.redeem().map(|heard| (Some(heard), None))
            }
            None => lease.enter(action, by).map(|sent| (None, Some(sent))),
        };
        let Ok(_under_way) = under_way else {
            self.drop_letter(letter.reply, Answer::Refused);
            return None;
        };
        let wants_reply = letter.reply.is_some();
        let id = match self.desk.hand_over(missed, letter.reply) {
            Ok(id) => id,
            Err(asker) => {
                self.drop_letter(Some(asker), Answer::Full);
                return None;
            }
        };
        Some(Delivery {
            id,
            sender: letter.sender,
            chain: letter.chain,
            topic: letter.topic,
            wants_reply,
            time_to_live: letter.expires.map(|end| end.saturating_duration_since(Instant::now())),
            deliveries: 1,
            missed,
            body: letter.body,
        })
    }

    fn drop_letter(&self, asker: Option<Asker>, why: Answer) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
        tell(asker, why);
    }

    /// Decides whether the receiver may hear of it. Denials are recorded singly at first, then counted.
    fn heard(
        &self,
        sender: &Peer,
        session: &Arc<Session>,
        import: &'static str,
    ) -> Option<Permit<MsgReceive>> {
        let weighed = session.weigh::<MsgReceive>(sender.clone(), import);
        if weighed.is_allowed() {
            return weighed.commit().ok();
        }
        let refused = self.refused.fetch_add(1, Ordering::Relaxed) + 1;
        if refused <= RECORDED_SINGLY {
            return weighed.commit().ok();
        }
        if refused.is_power_of_two() {
            // It is refused whether or not this can be written.
            drop(
                session.note(import, &format!("{refused} messages were not permitted to be received so far")),
            );
        }
        None
    }

    /// Answers a message that wants a reply, and is done with it.
    ///
    /// # Errors
    /// [`PostError::NoSuchMessage`] when it was not taken here, wants no reply, or was answered or acknowledged before.
    pub fn reply(&self, id: u64, answer: Result<Vec<u8>, String>) -> Result<(), PostError> {
        let asker = self.desk.answered(id).ok_or(PostError::NoSuchMessage)?;
        tell(Some(asker), answer.map_or_else(Answer::Failed, Answer::Body));
        Ok(())
    }

    /// Is done with a message. Whoever waits for an answer to it hears that there will be none.
    ///
    /// # Errors
    /// [`PostError::NoSuchMessage`] as [`Inbox::reply`].
    pub fn acknowledge(&self, id: u64) -> Result<(), PostError> {
        self.desk.settle(id).map(drop).ok_or(PostError::NoSuchMessage)
    }

    /// Hears of a topic, and of all that lies in it, from now on.
    ///
    /// # Errors
    /// [`PostError::Denied`]; [`PostError::Invalid`] for what is no topic, and for one too many.
    pub fn subscribe(
        &self,
        session: &Arc<Session>,
        topic: &str,
        import: &'static str,
    ) -> Result<(), PostError> {
        let topic = parse(topic)?;
        let mut permit: Permit<MsgSubscribe> = session.authorize(topic.clone(), import)?;
        let _begun = permit.begin()?;
        self.office.subscribe(&self.desk, topic, permit.into_lease())
    }

    /// Hears of it no more.
    ///
    /// # Errors
    /// [`PostError::Invalid`] for what is no topic.
    pub fn unsubscribe(&self, topic: &str) -> Result<(), PostError> {
        self.office.unsubscribe(&self.desk, Some(&parse(topic)?));
        Ok(())
    }

    /// How many messages wait.
    pub fn depth(&self) -> usize {
        self.desk.depth()
    }

    /// How many were dropped because their time was over, their sender gave up, a permission was taken back, or the
    /// receiver owed as many answers as it may.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// How many the receiver was not permitted to hear.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Takes nothing more.
    pub fn close(&self) {
        self.office.close(&self.desk);
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.close();
    }
}

/// Many were refused in a row.
struct Busy;

/// Why a letter is not wanted any more, or not permitted any more to whoever sent it, or to be heard of.
fn lapsed(letter: &Letter, import: &'static str) -> Option<Answer> {
    let expired = letter.expires.is_some_and(|end| end <= Instant::now());
    let given_up = letter.reply.as_ref().is_some_and(|reply| reply.is_closed());
    if expired || given_up {
        return Some(Answer::TimedOut);
    }
    let sent = letter.lease.permits(letter.action, letter.import).is_ok();
    let stands = sent && (letter.topic.is_none() || may_hear(&letter.subscriptions, import));
    (!stands).then_some(Answer::Refused)
}

/// Tells whoever waits for an answer; who no longer does needs not be told.
fn tell(asker: Option<Asker>, answer: Answer) {
    if let Some(asker) = asker {
        drop(asker.send(answer));
    }
}
