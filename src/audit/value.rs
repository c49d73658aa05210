//! Hash, head and time: the small values of a record, each with one spelling.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// A SHA-256, written as 64 lower-case hexadecimal digits.
///
/// ```
/// use airssys_wasm::audit::Hash;
/// assert!("AB".repeat(32).parse::<Hash>().is_err());
/// assert_eq!("ab".repeat(32).parse::<Hash>()?.to_string(), "ab".repeat(32));
/// # Ok::<(), airssys_wasm::audit::BadHash>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash([u8; 32]);

/// A text that is no hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no hash: write 64 lower-case hexadecimal digits")]
pub struct BadHash(String);

impl Hash {
    /// What the first record of a log has as `prev`: 64 zeros.
    pub const ZERO: Hash = Hash([0; 32]);

    /// The SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Hash {
        Hash(Sha256::digest(bytes).into())
    }

    /// The digits.
    pub(super) fn hex(&self) -> [u8; 64] {
        let mut digits = [0; 64];
        for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(self.0) {
            *pair = [digit(byte >> 4), digit(byte & 15)];
        }
        digits
    }
}

fn digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl FromStr for Hash {
    type Err = BadHash;

    fn from_str(text: &str) -> Result<Hash, BadHash> {
        let bad = || BadHash(text.chars().take(80).flat_map(char::escape_debug).collect());
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let mut bytes = [0; 32];
        if pairs.len() != bytes.len() || !rest.is_empty() {
            return Err(bad());
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = nibble(*high).ok_or_else(bad)? << 4 | nibble(*low).ok_or_else(bad)?;
        }
        Ok(Hash(bytes))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.hex().iter().try_for_each(|digit| fmt::Write::write_char(f, char::from(*digit)))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match str::from_utf8(&self.hex()) {
            Ok(text) => serializer.serialize_str(text),
            Err(error) => Err(serde::ser::Error::custom(error)),
        }
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Hash, D::Error> {
        Cow::<str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Where a log ended when somebody looked: `SEQ:HASH`. Noted elsewhere, it proves that nothing was cut off since.
///
/// ```
/// use airssys_wasm::audit::Head;
/// let text = format!("41:{}", "0f".repeat(32));
/// assert_eq!(text.parse::<Head>()?.to_string(), text);
/// assert!("41".parse::<Head>().is_err());
/// # Ok::<(), airssys_wasm::audit::BadHead>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Sequence number of the last record.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
}

/// A text that is no head.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no head: write `SEQ:HASH` as `airssys audit verify` prints it")]
pub struct BadHead(String);

impl FromStr for Head {
    type Err = BadHead;

    fn from_str(text: &str) -> Result<Head, BadHead> {
        let bad = || BadHead(text.chars().take(100).flat_map(char::escape_debug).collect());
        let (seq, hash) = text.split_once(':').ok_or_else(bad)?;
        let seq = seq.parse().map_err(|_| bad())?;
        let head = Head { seq, hash: hash.parse().map_err(|_| bad())? };
        // One spelling: no plus sign, no leading zeros.
        if head.to_string() == text { Ok(head) } else { Err(bad()) }
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

impl Serialize for Head {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A time of day in UTC with microseconds, such as `2026-11-22T18:51:07.000042Z`.
///
/// Clocks are set and go back; the order of records is `seq`, and time is only told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(jiff::Timestamp);

impl Time {
    /// Now, cut to microseconds.
    pub fn now() -> Time {
        Time::from(jiff::Timestamp::now())
    }

    /// That many microseconds after the beginning of 1970; the beginning where there is no such time.
    pub(super) fn of_micros(micros: i64) -> Time {
        Time(jiff::Timestamp::from_microsecond(micros).unwrap_or(jiff::Timestamp::UNIX_EPOCH))
    }

    /// Microseconds since the beginning of 1970.
    pub(super) fn micros(self) -> i64 {
        self.0.as_microsecond()
    }

    /// As a timestamp.
    pub fn timestamp(self) -> jiff::Timestamp {
        self.0
    }
}

/// Spells times, most of which lie in the same second as the one before.
#[derive(Debug, Clone, Default)]
pub(super) struct Speller {
    second: Option<i64>,
    /// Up to the point before the fraction.
    start: String,
}

impl Speller {
    /// Adds the spelling of that many microseconds since the beginning of 1970, as [`Time`] has it.
    pub(super) fn spell(&mut self, micros: i64, to: &mut Vec<u8>) {
        let (second, mut rest) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
        if self.second != Some(second) {
            self.second = Some(second);
            self.start = Time::of_micros(second.saturating_mul(1_000_000)).to_string();
            self.start.truncate(self.start.len().saturating_sub("000000Z".len()));
        }
        to.extend_from_slice(self.start.as_bytes());
        let mut digits = *b"000000Z";
        for place in digits.iter_mut().rev().skip(1) {
            *place += (rest % 10) as u8;
            rest /= 10;
        }
        to.extend_from_slice(&digits);
    }
}

impl From<jiff::Timestamp> for Time {
    fn from(time: jiff::Timestamp) -> Time {
        Time(jiff::Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}", self.0)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse::<jiff::Timestamp>().map(Time).map_err(serde::de::Error::custom)
    }
}
