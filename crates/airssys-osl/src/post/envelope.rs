//! A message as it lies on disk.
//!
//! What stands there was stamped by this process or an earlier one, and outlives what it speaks of: who sent it may be
//! gone, or be another version by now. So it is an account of what was, never a permission.

use crate::gate::{Caller, Chain};
use crate::post::sender::Sender;
use crate::{Operator, Peer, Principal};
use std::sync::Arc;

/// The first byte. What begins otherwise was written by another version, and is not read.
const FORMAT: u8 = 1;

/// What of a message outlives a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::post) struct Envelope {
    /// The run of the host in which it was sent, and its number there.
    pub(in crate::post) sent_in: (u64, u64),
    /// The key that signed the sender, if it is a component.
    pub(in crate::post) key_id: Arc<str>,
    /// The operator who sent it, if one has.
    pub(in crate::post) operator: Option<Arc<Operator>>,
    /// Wall-clock milliseconds from which on nobody wants it.
    pub(in crate::post) expires: Option<u64>,
    /// On whose behalf it was sent, a component that sent it first.
    pub(in crate::post) chain: Chain,
    pub(in crate::post) body: Arc<[u8]>,
}

impl Envelope {
    /// Its bytes.
    pub(in crate::post) fn seal(&self) -> Vec<u8> {
        let mut out = vec![FORMAT];
        number(&mut out, self.sent_in.0);
        number(&mut out, self.sent_in.1);
        text(&mut out, &self.key_id);
        out.push(u8::from(self.operator.is_some()));
        if let Some(operator) = &self.operator {
            // Not the groups: those are what the configuration says when it is decided on.
            number(&mut out, operator.uid().into());
        }
        out.push(u8::from(self.expires.is_some()));
        number(&mut out, self.expires.unwrap_or_default());
        number(&mut out, self.chain.callers().len() as u64);
        self.chain.callers().iter().for_each(|one| caller(&mut out, one));
        out.extend_from_slice(&self.body);
        out
    }

    /// The envelope of those bytes; none where they are not those of one.
    pub(in crate::post) fn open(bytes: &[u8]) -> Option<Envelope> {
        let mut rest = Rest(bytes);
        if rest.byte()? != FORMAT {
            return None;
        }
        let sent_in = (rest.number()?, rest.number()?);
        let key_id = rest.text()?.into();
        let operator = if rest.flag()? { Some(rest.operator()?) } else { None };
        let expires = rest.flag()?.then_some(rest.number()?);
        let callers = (0..rest.number()?).map(|_| rest.caller()).collect::<Option<Vec<_>>>()?;
        let body = rest.0.into();
        let envelope = Envelope { sent_in, key_id, operator, expires, chain: Chain::of(callers), body };
        // A sender there must be.
        envelope.sender().is_some().then_some(envelope)
    }

    /// The name of whoever sent what those bytes are an envelope of, without a look at what it says.
    pub(in crate::post) fn sender_of(bytes: &[u8]) -> Option<String> {
        let mut rest = Rest(bytes);
        if rest.byte()? != FORMAT {
            return None;
        }
        let _sent_in = (rest.number()?, rest.number()?);
        let _key_id = rest.text()?;
        if rest.flag()? {
            return Some(Sender::Operator(rest.operator()?).name());
        }
        let _expires = (rest.flag()?, rest.number()?);
        let callers = rest.number()?;
        if callers > 0 { rest.text() } else { None }
    }

    /// Who sent it.
    pub(in crate::post) fn sender(&self) -> Option<Sender> {
        if let Some(operator) = &self.operator {
            return Some(Sender::Operator(Arc::clone(operator)));
        }
        self.chain.caller().map(|one| Sender::Component(Peer::live(&one.principal, one.instance)))
    }
}

fn number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn text(out: &mut Vec<u8>, text: &str) {
    number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn caller(out: &mut Vec<u8>, caller: &Caller) {
    let Principal { name, publisher, digest, version, release, dev, groups } = &*caller.principal;
    [name, publisher, digest].into_iter().for_each(|each| text(out, each));
    [version.0, version.1, version.2, *release, caller.instance]
        .into_iter()
        .for_each(|each| number(out, each));
    out.extend([u8::from(*dev), u8::from(caller.waits)]);
    texts(out, groups);
}

fn texts(out: &mut Vec<u8>, all: &[String]) {
    number(out, all.len() as u64);
    all.iter().for_each(|one| text(out, one));
}

/// What is not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }

    fn byte(&mut self) -> Option<u8> {
        self.bytes(1)?.first().copied()
    }

    fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.bytes(8)?.try_into().ok()?))
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.number()?).ok()?;
        String::from_utf8(self.bytes(length)?.to_vec()).ok()
    }

    fn texts(&mut self) -> Option<Vec<String>> {
        (0..self.number()?).map(|_| self.text()).collect()
    }

    fn operator(&mut self) -> Option<Arc<Operator>> {
        let uid = u32::try_from(self.number()?).ok()?;
        Operator::new(uid, Vec::new()).map(Arc::new)
    }

    fn caller(&mut self) -> Option<Caller> {
        let (name, publisher, digest) = (self.text()?, self.text()?, self.text()?);
        let version = (self.number()?, self.number()?, self.number()?);
        let (release, instance) = (self.number()?, self.number()?);
        let (dev, waits) = (self.flag()?, self.flag()?);
        let groups = self.texts()?;
        let principal = Principal { name, publisher, digest, version, release, dev, groups };
        Some(Caller { principal: Arc::new(principal), instance, waits })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::principal;

    fn envelope() -> Envelope {
        let caller = |name: &str, groups: &[&str], waits| {
            let groups = groups.iter().map(|group| (*group).to_owned()).collect();
            let principal = Principal { groups, version: (1, 2, 3), release: 9, ..principal(name) };
            Caller { principal: Arc::new(principal), instance: 7, waits }
        };
        Envelope {
            sent_in: (u64::MAX, 3),
            key_id: "acme-1".into(),
            operator: None,
            expires: Some(5),
            chain: Chain::of([caller("acme/a", &["trusted", "é"], false), caller("acme/b", &[], true)]),
            body: b"the body".as_slice().into(),
        }
    }

    #[test]
    fn what_is_cut_off_before_the_body_is_no_envelope() {
        let sealed = envelope().seal();
        let head = sealed.len() - envelope().body.len();
        for length in 0..head {
            assert_eq!(Envelope::open(&sealed[..length]), None, "{length} bytes");
        }
        assert!(Envelope::open(&sealed[..head]).unwrap().body.is_empty());
    }

    #[test]
    fn no_bytes_are_taken_for_more_than_they_are() {
        let sealed = envelope().seal();
        for place in 0..sealed.len() {
            for byte in [0, 1, 2, 0x7F, 0xFF] {
                let mut other = sealed.clone();
                other[place] = byte;
                if let Some(opened) = Envelope::open(&other) {
                    assert!(opened.seal().len() <= other.len(), "byte {place} as {byte}");
                }
            }
        }
        assert_eq!(Envelope::open(&[&[2][..], &sealed[1..]].concat()), None, "another format");
        let nobody = Envelope { chain: Chain::default(), ..envelope() };
        assert_eq!(Envelope::open(&nobody.seal()), None);
        let overflow = Operator::new(65533, vec!["on-call".to_owned()]).map(Arc::new);
        let mut sealed = Envelope { operator: overflow, ..nobody }.seal();
        assert!(Envelope::open(&sealed).is_some());
        let place = sealed.windows(2).position(|pair| pair == 65533_u16.to_le_bytes()).unwrap();
        sealed[place] += 1;
        assert_eq!(Envelope::open(&sealed), None, "nobody's id is no operator's");
    }

    #[test]
    fn what_was_sealed_is_what_is_opened() {
        assert_eq!(Envelope::open(&envelope().seal()), Some(envelope()));
        let by_operator = |groups: &[&str]| {
            let groups = groups.iter().map(ToString::to_string).collect();
            Envelope {
                operator: Operator::new(1000, groups).map(Arc::new),
                chain: Chain::default(),
                ..envelope()
            }
        };
        assert_eq!(Envelope::open(&by_operator(&["on-call"]).seal()), Some(by_operator(&[])));
        let of = |envelope: &Envelope| {
            (Envelope::sender_of(&envelope.seal()), Some(envelope.sender().unwrap().name()))
        };
        let (found, is) = of(&by_operator(&[]));
        assert_eq!(found, is);
        let (found, is) = of(&envelope());
        assert_eq!(found, is);
        assert_eq!(Envelope::sender_of(b"nothing of ours"), None);
        let other = Envelope { expires: None, body: Arc::default(), ..envelope() };
        assert_eq!(Envelope::open(&other.seal()), Some(other));
    }
}
