//! airssys:runtime/messaging: what components say to each other.

use super::RuntimeFail;
use crate::host::bindings::runtime::types::{Error as Code, Message};
use crate::kernel::{Call, Fail, Guarded};
use airssys_osl::post::{self, Delivery, Draft, Inbox, PostError};
use std::sync::Arc;
use std::time::Duration;

/// A request that waits longer than this waits as if for ever; timers do not reach further.
const FOREVER: Duration = Duration::from_secs(60 * 60 * 24 * 365);

fn millis(ms: u64) -> Duration {
    Duration::from_millis(ms).min(FOREVER)
}

/// The instance's own mailbox.
fn inbox(g: &Guarded<'_>) -> Result<Arc<Inbox>, RuntimeFail> {
    let none =
        || RuntimeFail::Code(Code::Invalid("this component has no mailbox: it is not named".to_owned()));
    g.state.grants.mail.inbox.clone().ok_or_else(none)
}

pub(crate) fn messaging_self_(g: &mut Guarded<'_>, _: Call) -> Result<String, Fail> {
    Ok(g.state.principal.name.clone())
}

pub(crate) async fn messaging_send_message(
    g: &mut Guarded<'_>,
    call: Call,
    target: String,
    body: Vec<u8>,
    time_to_live_ms: Option<u64>,
) -> Result<(), RuntimeFail> {
    let draft = Draft { body, time_to_live: time_to_live_ms.map(millis) };
    let (office, session) = (g.state.grants.mail.office.clone(), Arc::clone(g.session()));
    Ok(post::send(&office, &session, &target, draft, call.import()).await?)
}

pub(crate) async fn messaging_request(
    g: &mut Guarded<'_>,
    call: Call,
    target: String,
    body: Vec<u8>,
    time_out_ms: u64,
) -> Result<Vec<u8>, RuntimeFail> {
    let (office, session) = (g.state.grants.mail.office.clone(), Arc::clone(g.session()));
    let most = g.state.meter.limits.host_call_bytes.get();
    let answer = post::request(&office, &session, &target, body, millis(time_out_ms), call.import()).await;
    let length = match &answer {
        Ok(body) => body.len(),
        Err(PostError::Failed(why)) => why.len(),
        Err(_) => 0,
    };
    // What one call hands to the guest is bounded like what it hands over.
    if length as u64 > most {
        return Err(RuntimeFail::Code(Code::TooLarge(most)));
    }
    Ok(answer?)
}

pub(crate) async fn messaging_receive_message(
    g: &mut Guarded<'_>,
    call: Call,
    wait_ms: u64,
) -> Result<Option<Message>, RuntimeFail> {
    let inbox = inbox(g)?;
    if g.state.grants.mail.driven {
        let text = "this component exports a handler, which messages are handed to";
        return Err(RuntimeFail::Code(Code::Invalid(text.to_owned())));
    }
    let session = Arc::clone(g.session());
    let Some(delivery) = inbox.next_within(&session, call.import(), millis(wait_ms)).await? else {
        return Ok(None);
    };
    // From here on it works on their behalf, until it takes the next.
    session.subject().serve(Arc::clone(&delivery.chain));
    // It goes on in its own call, so for whoever traces this is no part of the sender's.
    tracing::Span::current().follows_from(delivery.within.id());
    Ok(Some(message(&delivery)))
}

pub(crate) fn messaging_reply(
    g: &mut Guarded<'_>,
    _: Call,
    id: u64,
    answer: Result<Vec<u8>, String>,
) -> Result<(), RuntimeFail> {
    Ok(inbox(g)?.reply(id, answer)?)
}

pub(crate) async fn messaging_acknowledge(g: &mut Guarded<'_>, _: Call, id: u64) -> Result<(), RuntimeFail> {
    Ok(inbox(g)?.acknowledge(id).await?)
}

pub(crate) fn messaging_subscribe_to_events(
    g: &mut Guarded<'_>,
    call: Call,
    topics: Vec<String>,
) -> Result<(), RuntimeFail> {
    let inbox = inbox(g)?;
    for topic in topics {
        inbox.subscribe(g.session(), &topic, call.import())?;
    }
    Ok(())
}

pub(crate) fn messaging_unsubscribe_from_events(
    g: &mut Guarded<'_>,
    _: Call,
    topics: Vec<String>,
) -> Result<(), RuntimeFail> {
    let inbox = inbox(g)?;
    for topic in topics {
        inbox.unsubscribe(&topic)?;
    }
    Ok(())
}

pub(crate) fn messaging_publish_event(
    g: &mut Guarded<'_>,
    call: Call,
    topic: String,
    body: Vec<u8>,
) -> Result<(), RuntimeFail> {
    Ok(post::publish(&g.state.grants.mail.office, g.session(), &topic, body, call.import())?)
}

/// A message as its receiver sees it.
pub(crate) fn message(delivery: &Delivery) -> Message {
    let left = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    Message {
        id: delivery.id,
        sender: delivery.sender.name(),
        topic: delivery.topic.as_ref().map(|topic| topic.as_str().to_owned()),
        wants_reply: delivery.wants_reply,
        time_to_live_ms: delivery.time_to_live.map(left),
        deliveries: delivery.deliveries,
        missed: delivery.missed,
        body: delivery.body.to_vec(),
    }
}

impl From<PostError> for RuntimeFail {
    fn from(error: PostError) -> RuntimeFail {
        RuntimeFail::Code(match error {
            PostError::Denied(denied) => return denied.into(),
            PostError::Unreachable => Code::Unreachable,
            PostError::Full => Code::Full,
            PostError::TooLarge(most) => Code::TooLarge(most),
            PostError::TimedOut => Code::TimedOut,
            PostError::Ended => Code::Ended,
            PostError::Failed(why) => Code::Failed(why),
            PostError::Circular => Code::Circular,
            PostError::NoSuchMessage => Code::NotFound,
            PostError::Invalid(what) => Code::Invalid(what),
            // Where the host keeps it and what is wrong there is for the host alone.
            PostError::Unkept(_) => Code::Failed("the mailbox on disk cannot be used".to_owned()),
            error => return RuntimeFail::Trap(wasmtime::Error::new(error)),
        })
    }
}
