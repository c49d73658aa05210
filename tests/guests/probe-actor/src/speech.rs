//! The verbs that speak to others.

use crate::memory;
use crate::probe_actor::airssys::runtime::messaging;
use crate::probe_actor::airssys::runtime::types::{Error, Message};
use crate::verbs::{number, pair};

/// How long `forward` waits.
const PATIENCE_MS: u64 = 10_000;

/// Does one verb; none if it is not among these.
pub(crate) fn run(verb: &str, argument: &str) -> Option<Result<String, String>> {
    Some(match verb {
        "self" => Ok(messaging::self_()),
        "send" => pair(argument, "=").and_then(|(to, body)| send(to, body, None)),
        "send-ttl" => timed(argument).and_then(|(to, ms, body)| send(to, body, Some(ms))),
        "request" => timed(argument).and_then(|(to, ms, body)| request(to, body, ms)),
        "forward" => pair(argument, "=").and_then(|(to, body)| request(to, body, PATIENCE_MS)),
        "publish" => pair(argument, "=")
            .and_then(|(topic, body)| done(messaging::publish_event(topic, body.as_bytes()))),
        "subscribe" => done(messaging::subscribe_to_events(&topics(argument))),
        "unsubscribe" => done(messaging::unsubscribe_from_events(&topics(argument))),
        "receive" => number(argument).and_then(receive),
        "reply" => pair(argument, "=").and_then(|(id, body)| reply(id, Ok(body.as_bytes()))),
        "reply-error" => pair(argument, "=").and_then(|(id, why)| reply(id, Err(why))),
        "ack" => id(argument).and_then(|id| done(messaging::acknowledge(id))),
        "heard" => Ok(memory::heard()),
        _ => return None,
    })
}

/// One line: all that there is about a message, its body last.
pub(crate) fn line(message: &Message) -> String {
    let Message { id, sender, topic, wants_reply, time_to_live_ms, deliveries, missed, body } = message;
    let topic = topic.as_deref().unwrap_or("none");
    let ttl = time_to_live_ms.map_or_else(|| "none".to_string(), |ms| ms.to_string());
    let body = String::from_utf8_lossy(body);
    format!(
        "id={id} sender={sender} topic={topic} wants-reply={wants_reply} ttl={ttl} \
         deliveries={deliveries} missed={missed} body={body}"
    )
}

/// Which error it was, by its name in the interface.
pub(crate) fn told(error: Error) -> String {
    match error {
        Error::Unreachable => "unreachable".to_string(),
        Error::Full => "full".to_string(),
        Error::TooLarge(most) => format!("too-large({most})"),
        Error::TimedOut => "timed-out".to_string(),
        Error::Ended => "ended".to_string(),
        Error::Failed(why) => format!("failed({why})"),
        Error::Circular => "circular".to_string(),
        Error::NotFound => "not-found".to_string(),
        Error::Invalid(what) => format!("invalid({what})"),
    }
}

/// `ok`, or which error it was.
pub(crate) fn done(result: Result<(), Error>) -> Result<String, String> {
    result.map(|()| "ok".to_string()).map_err(told)
}

fn send(to: &str, body: &str, time_to_live_ms: Option<u64>) -> Result<String, String> {
    done(messaging::send_message(to, body.as_bytes(), time_to_live_ms))
}

fn request(to: &str, body: &str, time_out_ms: u64) -> Result<String, String> {
    let answer = messaging::request(to, body.as_bytes(), time_out_ms).map_err(told)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn receive(wait_ms: u64) -> Result<String, String> {
    let message = messaging::receive_message(wait_ms).map_err(told)?;
    Ok(message.as_ref().map_or_else(|| "none".to_string(), line))
}

fn reply(to: &str, answer: Result<&[u8], &str>) -> Result<String, String> {
    done(messaging::reply(id(to)?, answer))
}

/// A message's number, or `this` for the one that came last.
fn id(text: &str) -> Result<u64, String> {
    if text == "this" { Ok(memory::latest()) } else { number(text) }
}

/// `TARGET,MS=BODY`.
fn timed(argument: &str) -> Result<(&str, u64, &str), String> {
    let (head, body) = pair(argument, "=")?;
    let (to, ms) = pair(head, ",")?;
    Ok((to, number(ms)?, body))
}

/// `TOPIC+TOPIC…`.
fn topics(argument: &str) -> Vec<String> {
    argument.split('+').map(str::to_string).collect()
}
