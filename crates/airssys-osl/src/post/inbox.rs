//! Taking: the sender's permission is asked again, then the receiver's.

use crate::action::MsgSubscribe;
use crate::gate::{Chain, Permit};
use crate::post::desk::{Answer, Desk, Settled};
use crate::post::judge::{Counts, Fate, tell};
use crate::post::send::parse;
use crate::post::sender::Sender;
use crate::post::{Office, PostError};
use crate::{Session, Topic};
use airssys_rt::durable::StoreError;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tracing::Span;

/// How many letters one look refuses before others have their turn.
const REFUSED_AT_ONCE: usize = 64;

/// How long [`Inbox::next`] waits at a time.
const A_WHILE: Duration = Duration::from_secs(3600);

/// How long a disk that failed, and a receiver to which nothing can be handed over, are left alone.
const PATIENCE: Duration = Duration::from_secs(1);

/// A receiver's end. Dropping it closes the mailbox: whoever waits for an answer hears that there will be none.
#[derive(Debug)]
pub struct Inbox {
    pub(in crate::post) desk: Arc<Desk>,
    pub(in crate::post) office: Office,
    pub(in crate::post) counts: Counts,
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
    /// What it was sent in: whoever traces sees there what is done with it.
    pub within: Span,
}

impl Inbox {
    pub(in crate::post) fn new(desk: Arc<Desk>, office: Office) -> Inbox {
        Inbox { desk, office, counts: Counts::default() }
    }

    /// The next message that the receiver may hear, waiting for it. Whoever deals with it serves its chain.
    ///
    /// # Errors
    /// [`PostError::Ended`] when nothing comes any more.
    pub async fn next(&self, session: &Arc<Session>, import: &'static str) -> Result<Delivery, PostError> {
        loop {
            if let Some(delivery) = self.next_within(session, import, A_WHILE).await? {
                return Ok(delivery);
            }
        }
    }

    /// The same, waiting no longer than that; what is there is taken however short it is.
    ///
    /// # Errors
    /// As [`Inbox::next`].
    pub async fn next_within(
        &self,
        session: &Arc<Session>,
        import: &'static str,
        most: Duration,
    ) -> Result<Option<Delivery>, PostError> {
        let mut end = std::pin::pin!(tokio::time::sleep(most));
        loop {
            // Registered before the look, so that nothing is missed in between.
            let news = self.desk.news.notified();
            match self.look(session, import).await {
                Ok(Some(delivery)) => return Ok(Some(delivery)),
                Ok(None) if self.desk.is_closed() => return Err(PostError::Ended),
                Ok(None) => tokio::select! {
                    biased;
                    () = news => {}
                    () = &mut end => return Ok(None),
                },
                // Others first.
                Err(Busy) => tokio::task::yield_now().await,
            }
        }
    }

    /// Returns when something waits that may be taken, or nothing comes any more.
    pub async fn news(&self) {
        loop {
            let news = self.desk.news.notified();
            if self.desk.has_news() || self.desk.is_closed() {
                return;
            }
            news.await;
        }
    }

    /// Has whoever waits for a message look again.
    pub fn look_again(&self) {
        self.desk.news.notify_one();
    }

    /// The next message that the receiver may hear, if there is one now; an error when nothing comes any more.
    ///
    /// # Errors
    /// [`PostError::Ended`].
    pub async fn take(
        &self,
        session: &Arc<Session>,
        import: &'static str,
    ) -> Result<Option<Delivery>, PostError> {
        match self.look(session, import).await {
            Ok(None) if self.desk.is_closed() => Err(PostError::Ended),
            Ok(taken) => Ok(taken),
            Err(Busy) => Ok(None),
        }
    }

    pub(in crate::post) fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }

    /// The next message, if there is one now. Waits for the disk where that keeps it, and for nothing else.
    async fn look(&self, session: &Arc<Session>, import: &'static str) -> Result<Option<Delivery>, Busy> {
        for _ in 0..REFUSED_AT_ONCE {
            if let Some(shelf) = self.desk.shelf_first() {
                if session.is_revoked() {
                    // What lies there is for who comes after it.
                    tokio::time::sleep(PATIENCE).await;
                    return Ok(None);
                }
                match shelf.take().await {
                    Ok(Some(taken)) => match self.judge_kept(shelf, &taken, session, import) {
                        Ok(delivery) => return Ok(Some(delivery)),
                        Err(Fate::Over) => continue,
                        Err(Fate::Later) => tokio::time::sleep(PATIENCE).await,
                    },
                    Ok(None) => {}
                    Err(error) => unreadable(session, import, &error).await,
                }
            }
            let Some(taken) = self.desk.next() else { return Ok(None) };
            let within = taken.letter.within.clone();
            if let Some(delivery) = within.in_scope(|| self.judge(taken, session, import)) {
                return Ok(Some(delivery));
            }
        }
        Err(Busy)
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

    /// Is done with a message. Whoever waits for an answer to it hears that there will be none. One of a durable mailbox
    /// never comes again once this has returned.
    ///
    /// # Errors
    /// [`PostError::NoSuchMessage`] as [`Inbox::reply`]; [`PostError::Unkept`] when it is not known whether it comes again:
    /// it can be acknowledged once more.
    pub async fn acknowledge(&self, id: u64) -> Result<(), PostError> {
        match self.desk.settle(id).ok_or(PostError::NoSuchMessage)? {
            Settled::Plain => Ok(()),
            Settled::Owed(asker) => {
                drop(asker);
                Ok(())
            }
            Settled::Kept(kept) => {
                let shelf = self.desk.shelf().ok_or(PostError::NoSuchMessage)?;
                shelf.done(kept).await.map_err(|error| PostError::Unkept(error.to_string()))?;
                // Only now: given up in the middle, it comes again unless it was on disk by then.
                self.desk.done(id);
                Ok(())
            }
        }
    }

    /// Gives a message back that could not be dealt with: one of a durable mailbox comes again, or is a dead letter by
    /// now. Of any other the receiver is done with it.
    ///
    /// # Errors
    /// [`PostError::NoSuchMessage`] as [`Inbox::reply`].
    pub fn give_up(&self, id: u64) -> Result<(), PostError> {
        match self.desk.done(id) {
            Some(kept) => {
                self.office.give_back(&self.desk, [kept]);
                Ok(())
            }
            None => self.desk.settle(id).map(drop).ok_or(PostError::NoSuchMessage),
        }
    }

    /// Takes the place of the mailbox that has its owner's name, as [`Office::succeed`], and hears of the topics that were
    /// heard of there, as far as its owner may: each is decided on anew. Those that are lost.
    pub fn succeed(&self, session: &Arc<Session>, import: &'static str) -> Vec<Topic> {
        let permitted = |topic: Topic| {
            // A denial is in the log, and told with what is lost.
            let mut permit: Permit<MsgSubscribe> = session.authorize(topic.clone(), import).ok()?;
            let _begun = permit.begin().ok()?;
            Some((topic, permit.into_lease()))
        };
        let topics = self.office.topics(&self.desk.principal.name).into_iter();
        let heard: Vec<_> = topics.filter_map(permitted).collect();
        self.office.take_over(&self.desk, &heard)
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
        self.counts.dropped.load(Ordering::Relaxed)
    }

    /// How many were handed over.
    pub fn taken(&self) -> u64 {
        self.counts.taken.load(Ordering::Relaxed)
    }

    /// How many the receiver was not permitted to hear.
    pub fn refused(&self) -> u64 {
        self.counts.unheard.load(Ordering::Relaxed)
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

/// Says that the shelf could not be read, and leaves it alone for a moment.
async fn unreadable(session: &Session, import: &'static str, error: &StoreError) {
    // It could not be read whether or not this can be written.
    drop(session.note(import, &format!("the mailbox on disk: {error}")));
    tokio::time::sleep(PATIENCE).await;
}
