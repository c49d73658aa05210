//! Sending: decided with the sender as principal, put down by the permit.

use crate::action::{MsgPublish, MsgRequest, MsgSend};
use crate::gate::{Lease, Permit};
use crate::post::desk::{Answer, Desk, Letter, Refused};
use crate::post::sender::Sender;
use crate::post::shelf::Shelf;
use crate::post::{Office, PostError};
use crate::{ActionId, Peer, Session, Topic};
use airssys_rt::{Prompt, gather};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tracing::Span;

/// How often a message is sent again because its receiver was replaced meanwhile.
const MAX_CHANGES: usize = 16;

/// What a sender says itself; everything else is stamped.
#[derive(Debug)]
pub struct Draft {
    /// The body.
    pub body: Vec<u8>,
    /// For how long anybody wants it; none if that has no end.
    pub time_to_live: Option<Duration>,
}

/// Sends a message to the component of that name, and does not wait for what becomes of it. When this has returned, it is
/// in the mailbox, and on disk if that is durable.
///
/// # Errors
/// Each case of [`PostError`] but those of waiting. Whether there is a receiver, and what its bounds are, is told only to
/// whom it is permitted to send.
pub async fn send(
    office: &Office,
    session: &Arc<Session>,
    target: &str,
    draft: Draft,
    import: &'static str,
) -> Result<(), PostError> {
    let Draft { body, time_to_live } = draft;
    let body: Arc<[u8]> = body.into();
    for _ in 0..MAX_CHANGES {
        match posted(office, session, target, &body, time_to_live, import)? {
            // Another version has taken its place since: that one is asked about.
            Posted::Put(Err(Refused::Closed)) => {}
            Posted::Put(put) => return put.map_err(PostError::from),
            Posted::ToKeep(shelf, letter) => {
                // A change of policies does not wait for the disk: what is kept is asked about when it is taken.
                shelf.put(*letter, time_to_live).await?;
                office.tell(target);
                return Ok(());
            }
        }
    }
    Err(PostError::Unreachable)
}

/// What became of a letter.
enum Posted {
    /// It is in memory, or is not.
    Put(Result<(), Refused>),
    /// It is to be put on a shelf.
    ToKeep(Arc<Shelf>, Box<Letter>),
}

/// Decides, and puts a letter down in memory if that is where it is to lie.
fn posted(
    office: &Office,
    session: &Arc<Session>,
    target: &str,
    body: &Arc<[u8]>,
    time_to_live: Option<Duration>,
    import: &'static str,
) -> Result<Posted, PostError> {
    let (desk, peer) = addressed(office, target)?;
    let mut permit: Permit<MsgSend> = session.authorize(peer, import)?;
    // What is kept waits for whoever lives there next, if nobody does.
    let shelf = desk.as_ref().map_or_else(|| office.shelf(target), |desk| desk.shelf().cloned());
    if desk.is_none() && shelf.is_none() {
        return Err(PostError::Unreachable);
    }
    let _begun = permit.begin()?;
    let mut letter = letter(session, permit.into_lease(), ActionId::MsgSend, import);
    letter.body = Arc::clone(body);
    if let Some(shelf) = shelf {
        shelf.measured(&letter)?;
        return Ok(Posted::ToKeep(shelf, Box::new(letter)));
    }
    let desk = desk.ok_or(PostError::Unreachable)?;
    letter.expires = time_to_live.and_then(|time| Instant::now().checked_add(time));
    Ok(Posted::Put(desk.put(letter)))
}

/// Sends a message and waits for its answer, no longer than `most`. When the permission is lost, the wait is over.
///
/// # Errors
/// Each case of [`PostError`].
pub async fn request(
    office: &Office,
    session: &Arc<Session>,
    target: &str,
    body: Vec<u8>,
    most: Duration,
    import: &'static str,
) -> Result<Vec<u8>, PostError> {
    let (lease, told, prompt) = asked(office, session, target, body.into(), most, import)?;
    // What it waits for it may as well do itself. Not before this: a change of policies waits for effects that have begun.
    prompt.run();
    tokio::select! {
        biased;
        () = lease.lost(ActionId::MsgRequest, import) => {
            // Whoever lost it is told why by asking once more; permitted again by now, and cut off all the same.
            lease.permits(ActionId::MsgRequest, import)?;
            Err(PostError::Unreachable)
        }
        answer = timeout(most, told) => match answer {
            Err(_) => Err(PostError::TimedOut),
            Ok(Err(_)) => Err(PostError::Ended),
            Ok(Ok(Answer::Body(body))) => Ok(body),
            Ok(Ok(Answer::Failed(why))) => Err(PostError::Failed(why)),
            Ok(Ok(Answer::Refused)) => Err(PostError::Unreachable),
            Ok(Ok(Answer::Full)) => Err(PostError::Full),
            Ok(Ok(Answer::TimedOut)) => Err(PostError::TimedOut),
        },
    }
}

/// Puts a request down: what it rests on, where its answer comes, and who is to be told that it is there.
fn asked(
    office: &Office,
    session: &Arc<Session>,
    target: &str,
    body: Arc<[u8]>,
    most: Duration,
    import: &'static str,
) -> Result<(Lease, oneshot::Receiver<Answer>, Prompt), PostError> {
    for _ in 0..MAX_CHANGES {
        let (desk, peer) = addressed(office, target)?;
        let mut permit: Permit<MsgRequest> = session.authorize(peer, import)?;
        let desk = desk.ok_or(PostError::Unreachable)?;
        if session.subject().chain_of_callee().waits_for(target) {
            return Err(PostError::Circular);
        }
        let (tell, told) = oneshot::channel();
        let _begun = permit.begin()?;
        let lease = permit.into_lease();
        let mut letter = letter(session, lease.clone(), ActionId::MsgRequest, import);
        (letter.body, letter.reply) = (Arc::clone(&body), Some(tell));
        letter.expires = Instant::now().checked_add(most);
        let (put, prompt) = gather(|| desk.put(letter));
        match put {
            Err(Refused::Closed) => {}
            put => return put.map(|()| (lease, told, prompt)).map_err(PostError::from),
        }
    }
    Err(PostError::Unreachable)
}

/// Tells everyone who subscribes to a topic or to one that it lies in. Who has no room misses it, and counts that.
///
/// # Errors
/// [`PostError::Denied`], [`PostError::Invalid`].
pub fn publish(
    office: &Office,
    session: &Arc<Session>,
    topic: &str,
    body: Vec<u8>,
    import: &'static str,
) -> Result<(), PostError> {
    let topic = parse(topic)?;
    let mut permit: Permit<MsgPublish> = session.authorize(topic.clone(), import)?;
    let _begun = permit.begin()?;
    let lease = permit.into_lease();
    // One body for all who hear of it.
    let body: Arc<[u8]> = body.into();
    for (desk, subscriptions) in office.audience(&topic) {
        let subscriptions: Arc<[Lease]> = subscriptions.into();
        let mut letter = letter(session, lease.clone(), ActionId::MsgPublish, import);
        (letter.body, letter.topic) = (Arc::clone(&body), Some(topic.clone()));
        letter.subscriptions = Arc::clone(&subscriptions);
        match desk.put(letter) {
            Ok(()) | Err(Refused::Closed) => {}
            // Who may not hear of it is not told that there was something either.
            Err(Refused::Full | Refused::TooLarge(_)) if may_hear(&subscriptions, import) => desk.miss(),
            Err(Refused::Full | Refused::TooLarge(_)) => {}
        }
    }
    Ok(())
}

/// Whether any of these permissions to hear of a topic stands. That one's verdict is recorded; where none stands, one
/// denial is.
pub(in crate::post) fn may_hear(subscriptions: &[Lease], import: &'static str) -> bool {
    let standing = subscriptions.iter().find(|lease| lease.stands(ActionId::MsgSubscribe, import));
    let asked = standing.or(subscriptions.first());
    asked.is_some_and(|lease| lease.permits(ActionId::MsgSubscribe, import).is_ok())
}

/// A topic by its text.
pub(in crate::post) fn parse(topic: &str) -> Result<Topic, PostError> {
    Topic::parse(topic).map_err(|error| PostError::Invalid(error.to_string()))
}

/// The mailbox of that name, if there is one, and whom to ask about in either case.
fn addressed(office: &Office, target: &str) -> Result<(Option<Arc<Desk>>, Peer), PostError> {
    let desk = office.desk(target);
    let peer = desk.as_ref().map(|desk| desk.peer()).or_else(|| Peer::named(target));
    let wrong = || PostError::Invalid("a component is `publisher/name`, each of a-z, 0-9 and `-`".to_owned());
    Ok((desk, peer.ok_or_else(wrong)?))
}

fn letter(session: &Arc<Session>, lease: Lease, action: ActionId, import: &'static str) -> Letter {
    let subject = session.subject();
    Letter {
        sender: Sender::of(subject),
        key_id: subject.key_id().cloned(),
        chain: if action == ActionId::MsgRequest {
            subject.chain_of_callee()
        } else {
            subject.chain_of_receiver()
        },
        topic: None,
        body: Arc::default(),
        expires: None,
        lease,
        action,
        import,
        subscriptions: Arc::default(),
        reply: None,
        behind: 0,
        within: Span::current(),
    }
}

impl From<Refused> for PostError {
    fn from(refused: Refused) -> PostError {
        match refused {
            Refused::Closed => PostError::Unreachable,
            Refused::Full => PostError::Full,
            Refused::TooLarge(most) => PostError::TooLarge(most),
        }
    }
}
