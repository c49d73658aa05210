//! What an identity rests on in a trust file: so that it can be asked again when that file has changed.

use super::names::Name;
use super::trust::Trust;
use super::verify::VerifiedComponent;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// What a component was verified by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    key_id: String,
    name: Name,
    publisher: Name,
    groups: Vec<String>,
    expires: Option<Timestamp>,
    valid_until: Option<Timestamp>,
}

impl Standing {
    /// What that component was verified by.
    pub(crate) fn of(verified: &VerifiedComponent) -> Standing {
        let table = &verified.manifest().component;
        Standing {
            key_id: verified.key_id().to_owned(),
            name: table.name.clone(),
            publisher: table.publisher.clone(),
            groups: verified.principal().groups.clone(),
            expires: table.expires,
            valid_until: verified.valid_until(),
        }
    }

    /// The id of the key that signed it.
    pub(crate) fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Whether `trust` says of it what was said when it was verified: the same publisher by the same key, for the same time,
    /// with its name and in the same groups.
    pub(crate) fn holds(&self, trust: &Trust, now: Timestamp) -> bool {
        let Some(publisher) = trust.publisher(&self.publisher) else { return false };
        let mut keys = publisher.keys().iter();
        let Some(key) = keys.find(|key| key.public_key().key_id() == self.key_id) else { return false };
        let until = [self.expires, key.valid_until()].into_iter().flatten().min();
        let groups: BTreeSet<&str> = publisher.groups().iter().map(Name::as_str).collect();
        !key.is_revoked()
            && key.valid_from().is_none_or(|from| from <= now)
            && until == self.valid_until
            && publisher.names().iter().any(|pattern| pattern.matches(&self.name))
            && groups == self.groups.iter().map(String::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{SecretKey, sign, verify};

    const NOW: &str = "2026-06-01T00:00:00Z";

    fn trust(publisher: &str, key: &str) -> Trust {
        let text = format!("[[publisher]]\n{publisher}\n[[publisher.key]]\n{key}\n");
        Trust::parse(&text, "trust.toml", &|_| Err(std::io::ErrorKind::NotFound.into())).unwrap()
    }

    #[test]
    fn an_identity_stands_while_the_trust_file_says_the_same_of_it() {
        let (own, other) = (SecretKey::generate().unwrap(), SecretKey::generate().unwrap());
        let text = |key: &SecretKey| format!("key = '{}'", key.public_key().to_text());
        let acme = "name = 'acme'\nnames = ['thumb-*']\ngroups = ['vetted', 'images']";
        let manifest = "[component]\nname = 'thumb-a'\npublisher = 'acme'\nversion = '1.0.0'\nrelease = 1\n";
        let (now, before) = (NOW.parse().unwrap(), trust(acme, &text(&own)));
        let signed = sign(b"\0asm\x0d\0\x01\0", manifest, &own).unwrap();
        let standing = Standing::of(&verify(signed, &before, now).unwrap());
        for (why, publisher, key) in [
            ("another publisher", "name = 'acne'\nnames = ['*']", text(&own)),
            ("another key", acme, text(&other)),
            ("a revoked key", acme, text(&own) + "\nrevoked = true"),
            ("a key that does not count yet", acme, text(&own) + "\nvalid-from = 2026-07-01T00:00:00Z"),
            ("a key that counts for less long", acme, text(&own) + "\nvalid-until = 2026-07-01T00:00:00Z"),
            (
                "a name that is not granted",
                "name = 'acme'\nnames = ['b*']\ngroups = ['vetted', 'images']",
                text(&own),
            ),
            ("fewer groups", "name = 'acme'\nnames = ['*']\ngroups = ['vetted']", text(&own)),
        ] {
            assert!(!standing.holds(&trust(publisher, &key), now), "{why}");
        }
        let same = "name = 'acme'\nnames = ['*']\ngroups = ['images', 'vetted']";
        assert!(standing.holds(&before, now) && standing.holds(&trust(same, &text(&own)), now));
        assert!(!standing.holds(&Trust::default(), now));
    }
}
