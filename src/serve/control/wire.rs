//! What goes over the control socket, beside errors. Unknown fields are errors in both directions.

use crate::serve::ComponentName;
use serde::{Deserialize, Serialize};

/// How a component is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Its instance is being made.
    Starting,
    /// It takes calls and messages.
    Running,
    /// A new version takes over.
    Reloading,
    /// Its supervisor waits before it starts it again.
    Waiting,
    /// It ends.
    Stopping,
    /// It was stopped, or ended and is not started again.
    Stopped,
    /// It failed, and its supervisor has given up.
    Failed,
}

impl State {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            State::Starting => "starting",
            State::Running => "running",
            State::Reloading => "reloading",
            State::Waiting => "waiting",
            State::Stopping => "stopping",
            State::Stopped => "stopped",
            State::Failed => "failed",
        }
    }
}

/// A mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mailbox {
    /// Messages in it.
    pub depth: u64,
    /// Messages it holds at most.
    pub capacity: u64,
    /// Messages dropped because it was full, where dropping was asked for.
    pub dropped: u64,
    /// Whether its messages outlive the process.
    pub durable: bool,
    /// Messages that were given up after too many deliveries, and are kept.
    pub dead_letters: u64,
}

/// A component of the system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComponentStatus {
    /// Its name.
    pub name: ComponentName,
    /// How it is.
    pub state: State,
    /// Its version, `1.2.3`.
    pub version: String,
    /// Its release number.
    pub release: u64,
    /// SHA-256 of its file.
    pub digest: String,
    /// The supervisor above it.
    pub supervisor: String,
    /// How often it was started again.
    pub restarts: u64,
    /// Why it ended last, in one sentence.
    pub last_end: Option<String>,
    /// Its mailbox.
    pub mailbox: Mailbox,
    /// Its linear memories, bytes.
    pub memory_bytes: u64,
    /// Calls and messages it was given.
    pub calls: u64,
    /// Denials it met.
    pub denials: u64,
    /// Older versions that finish what they had accepted.
    pub finishing: u64,
    /// When its instance was made, milliseconds since 1970.
    pub since_unix_ms: u64,
}

/// The system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SystemStatus {
    /// The server's version.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// When it started, milliseconds since 1970.
    pub since_unix_ms: u64,
    /// Whether all that must run runs.
    pub ready: bool,
    /// The epoch of the policies.
    pub epoch: u64,
    /// How many components there are.
    pub components: u64,
    /// How many of them run.
    pub running: u64,
    /// The last record of the log, `SEQ:HASH`.
    pub audit_head: Option<String>,
}

/// A call of a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallRequest {
    /// The call in WAVE: `name(value, …)`.
    pub call: String,
    /// How long to wait for the answer, milliseconds; unless it is said, as long as the component's limits let it run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

/// How a call ended that ended by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum CallAnswer {
    /// It returned that in WAVE, or nothing.
    Returned(Option<String>),
    /// It returned an error; what it holds in WAVE.
    Failed(String),
    /// The component ended itself with that status.
    Exited(u8),
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SendRequest {
    /// What it says, in base64.
    #[serde(with = "base64_bytes")]
    pub body: Vec<u8>,
    /// Milliseconds until nobody wants it any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_live_ms: Option<u64>,
}

/// A message was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sent {
    /// Whether it is on disk.
    pub durable: bool,
    /// Messages in the mailbox now.
    pub depth: u64,
}

/// A new version took over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reloaded {
    /// The version before.
    pub from_version: String,
    /// Its release number.
    pub from_release: u64,
    /// The version now.
    pub version: String,
    /// Its release number.
    pub release: u64,
    /// SHA-256 of its file.
    pub digest: String,
    /// Whether the state of the old one was handed over.
    pub state_handed_over: bool,
    /// What the new version may import or use that the old could not, a sentence each.
    pub widened: Vec<String>,
    /// Topics that the old version heard of and the new one may not.
    pub subscriptions_lost: Vec<String>,
}

/// How to stop.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopRequest {
    /// How long a call under way may go on, milliseconds; unless it is said, what the configuration says. 0 stops at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_ms: Option<u64>,
}

/// It was stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stopped {
    /// Whether it ended by itself in time.
    pub in_time: bool,
    /// Messages that were left in its mailbox.
    pub left: u64,
}

/// A text by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceText {
    /// Its name, for messages and in the log.
    pub name: String,
    /// The text.
    pub text: String,
}

/// Policies and entities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyRequest {
    /// Policies.
    pub policies: Vec<SourceText>,
    /// Entities in Cedar's JSON.
    #[serde(default)]
    pub entities: Vec<SourceText>,
}

/// Other policies are in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicySwapped {
    /// Their epoch.
    pub epoch: u64,
    /// How many policies, those built in among them.
    pub policies: u64,
}

/// The trust file was read anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustReloaded {
    /// Publishers that are trusted.
    pub publishers: u64,
    /// Instances that lost their permissions by it.
    pub revoked_instances: u64,
}

/// A key was revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoked {
    /// Instances that lost their permissions by it.
    pub instances: u64,
}

/// Which records of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogsRequest {
    /// So many of the last ones.
    pub last: usize,
    /// And those that come.
    pub follow: bool,
}

/// A line among the records that is none: how many were not sent because the reader was slow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::serve) enum LostLines {
    /// Records that this reader missed.
    Missed(u64),
}

mod base64_bytes {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64_STANDARD.decode(text).map_err(|error| D::Error::custom(format!("not base64: {error}")))
    }
}
