//! Sending: decided with the sender as principal, put down by the permit.

use crate::action::{MsgPublish, MsgRequest, MsgSend};
use crate::gate::{Lease, Permit};
use crate::post::desk::{Answer, Desk, Letter, Refused};
use crate::post::{Office, PostError};
use crate::{ActionId, Peer, Session, Topic};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// What a sender says itself; everything else is stamped.
#[derive(Debug)]
pub struct Draft {
    /// The body.
    pub body: Vec<u8>,
    /// For how long anybody wants it; none if that has no end.
    pub time_to_live: Option<Duration>,
}

/// Sends a message to the component of that name, and does not wait for what becomes of it.
///
/// # Errors
/// Each case of [`PostError`] but those of waiting. Whether there is a receiver, and what its bounds are, is told only to
/// whom it is permitted to send.
pub fn send(
    office: &Office,
    session: &Arc<Session>,
    target: &str,
    draft: Draft,
    import: &'static str,
) -> Result<(), PostError> {
    let (desk, peer) = addressed(office, target)?;
    let mut permit: Permit<MsgSend> = session.authorize(peer, import)?;
    let desk = desk.ok_or(PostError::Unreachable)?;
    let _begun = permit.begin()?;
    let letter = letter(session, draft, permit.into_lease(), ActionId::MsgSend, import)?;
    desk.put(letter).map_err(PostError::from)
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
    let (desk, peer) = addressed(office, target)?;
    let mut permit: Permit<MsgRequest> = session.authorize(peer, import)?;
    let desk = desk.ok_or(PostError::Unreachable)?;
    if session.subject().chain_of_callee().names(target) {
        return Err(PostError::Circular);
    }
    let (tell, told) = oneshot::channel();
    let lease = {
        let _begun = permit.begin()?;
        let lease = permit.into_lease();
        let draft = Draft { body, time_to_live: Some(most) };
        let mut letter = letter(session, draft, lease.clone(), ActionId::MsgRequest, import)?;
        letter.reply = Some(tell);
        desk.put(letter)?;
        lease
    };
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
        },
    }
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
    for (desk, subscription) in office.audience(&topic) {
        let draft = Draft { body: Vec::new(), time_to_live: None };
        let mut letter = letter(session, draft, lease.clone(), ActionId::MsgPublish, import)?;
        (letter.body, letter.topic) = (Arc::clone(&body), Some(topic.clone()));
        letter.subscription = Some(subscription);
        match desk.put(letter) {
            Ok(()) | Err(Refused::Closed) => {}
            Err(Refused::Full | Refused::TooLarge(_)) => desk.miss(),
        }
    }
    Ok(())
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

fn letter(
    session: &Arc<Session>,
    draft: Draft,
    lease: Lease,
    action: ActionId,
    import: &'static str,
) -> Result<Letter, PostError> {
    let subject = session.subject();
    // An operator's message has no component for a sender.
    let principal = subject.component().ok_or(PostError::Unreachable)?;
    Ok(Letter {
        sender: Peer::live(principal, subject.instance()),
        chain: subject.chain_of_callee(),
        topic: None,
        body: draft.body.into(),
        expires: draft.time_to_live.and_then(|time| Instant::now().checked_add(time)),
        lease,
        action,
        import,
        subscription: None,
        reply: None,
    })
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
