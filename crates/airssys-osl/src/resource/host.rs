//! A name that can be looked up.

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use std::net::IpAddr;
use std::sync::Arc;

/// A canonical name of the domain name system, in its ASCII form.
///
/// *Invariant:* lower case; labels of 1 to 63 bytes from `a-z`, `0-9`, `-` and `_`, divided by dots; at most 253 bytes;
/// no dot at the end; valid under UTS #46, so that each `xn--` label is one that its Unicode form leads to; and no
/// spelling of an address: the last label is neither a number nor hexadecimal after `0x`, which a system's resolver
/// would read as one.
///
/// ```
/// use airssys_osl::Host;
/// let host = Host::parse("api.example.com")?;
/// assert!(host.is_within(&Host::parse("example.com")?));
/// assert!(!Host::parse("notexample.com")?.is_within(&Host::parse("example.com")?));
/// assert!(Host::parse("Example.com").is_err());
/// assert_eq!(Host::canonical("Bücher.Example.")?.as_str(), "xn--bcher-kva.example");
/// # Ok::<(), airssys_osl::HostError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Host(Arc<str>);

/// More bytes than any spelling of a name has that somebody would write: a guest may bring as many as its memory holds,
/// and IDNA looks at each more than once.
const MAX_TEXT: usize = 1024;

/// Why a text is no host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// No name by the rules of the domain name system.
    #[error("`{0}` is no host name: labels of 1 to 63 letters, digits or hyphens, at most 253 bytes in all")]
    NotAName(String),
    /// An address, in whichever spelling.
    #[error("`{0}` is an address and no host name: addresses are endpoints")]
    Address(String),
    /// A name, but not in its one spelling.
    #[error("host `{given}` is not canonical: write `{canonical}`")]
    NotCanonical {
        /// As it was given.
        given: String,
        /// The one spelling.
        canonical: String,
    },
}

impl Host {
    /// Parses a text that is canonical already.
    ///
    /// # Errors
    /// [`HostError`] when it is not; nothing is normalised here, so that policies and kernel use one spelling.
    pub fn parse(text: &str) -> Result<Host, HostError> {
        let host = Host::canonical(text)?;
        if *host.0 == *text {
            return Ok(host);
        }
        Err(HostError::NotCanonical { given: shown(text), canonical: host.0.to_string() })
    }

    /// The host that a name written by a guest stands for: IDNA is applied, one dot at the end is dropped.
    ///
    /// # Errors
    /// [`HostError`] when it is no name, or an address.
    pub fn canonical(text: &str) -> Result<Host, HostError> {
        let bad = || HostError::NotAName(shown(text));
        if text.len() > MAX_TEXT {
            return Err(bad());
        }
        if text.parse::<IpAddr>().is_ok() {
            return Err(HostError::Address(shown(text)));
        }
        let name = Uts46::new()
            .to_ascii(text.as_bytes(), AsciiDenyList::URL, Hyphens::Allow, DnsLength::VerifyAllowRootDot)
            .map_err(|_| bad())?;
        let name = name.strip_suffix('.').unwrap_or(&name);
        if name.is_empty() || !name.bytes().all(plain) {
            return Err(bad());
        }
        if name.rsplit('.').next().is_some_and(reads_as_number) {
            return Err(HostError::Address(shown(text)));
        }
        Ok(Host(name.into()))
    }

    /// The name one label up; none for a name of one label.
    pub fn parent(&self) -> Option<Host> {
        // What is left of a valid name after its first label is valid by itself.
        self.0.split_once('.').map(|(_, parent)| Host(parent.into()))
    }

    /// The names it lies in, from the nearest up.
    pub fn ancestors(&self) -> impl Iterator<Item = Host> {
        std::iter::successors(self.parent(), Host::parent)
    }

    /// True when this host is `other` or lies in it, label by label.
    pub fn is_within(&self, other: &Host) -> bool {
        self.0.strip_suffix(&*other.0).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn plain(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.')
}

/// As inet_aton(3) does, which stands behind a system's resolver: `127.1`, `0x7f.1` and `2130706433` are addresses.
fn reads_as_number(label: &str) -> bool {
    label.bytes().all(|b| b.is_ascii_digit())
        || label.strip_prefix("0x").is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn shown(text: &str) -> String {
    let text: String = text.chars().take(300).collect();
    text.escape_debug().to_string()
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(&*self.0, f)
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_name_is_refused() {
        let long_label = "x".repeat(64);
        let long_name = format!("{}.com", vec!["x".repeat(50); 5].join("."));
        for bad in [
            "",
            ".",
            "..",
            "a..b",
            ".a",
            "a..",
            "a b",
            "a\0.com",
            "a/b",
            "a:80",
            "*.example.com",
            "a%41",
            "[::1]",
            "user@a.com",
            "a\u{202e}b.com",
            "xn--a.com",
            "xn--",
            "xn--zzzzzzzzzzzzzzzzz",
            "a'b.com",
            "a;b.com",
            "fe80::1%lo",
            &long_label,
            &long_name,
        ] {
            assert!(matches!(Host::canonical(bad), Err(HostError::NotAName(_))), "{bad:?}");
            assert!(Host::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_text_longer_than_any_name_is_refused_before_it_is_worked_on() {
        // Soft hyphens count for nothing, so that only the length speaks against it.
        let padded = |length: usize| "\u{ad}".repeat((length - 6) / 2) + "ab.com";
        assert_eq!(Host::canonical(&padded(MAX_TEXT)).unwrap().as_str(), "ab.com");
        assert!(matches!(Host::canonical(&padded(MAX_TEXT + 2)), Err(HostError::NotAName(_))));
    }

    #[test]
    fn no_spelling_of_an_address_is_a_host() {
        for address in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0x7f.0.0.0x1",
            "0177.0.0.1",
            "127.0.0.1.",
            "1.2.3.4.5",
            "a.0x",
            "::1",
            "２１３０７０６４３３",
            "127。0。0。1",
        ] {
            assert!(matches!(Host::canonical(address), Err(HostError::Address(_))), "{address:?}");
        }
    }

    #[test]
    fn only_the_one_spelling_is_parsed_and_each_other_spelling_leads_to_it() {
        for (given, canonical) in [
            ("Example.COM", "example.com"),
            ("example.com.", "example.com"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("BÜCHER.example", "xn--bcher-kva.example"),
            ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
            ("example。com", "example.com"),
            ("ｅｘａｍｐｌｅ.com", "example.com"),
            ("exam\u{ad}ple.com", "example.com"),
            ("faß.de", "xn--fa-hia.de"),
        ] {
            let error = Host::parse(given).unwrap_err();
            assert!(matches!(error, HostError::NotCanonical { .. }), "{given:?}: {error}");
            assert_eq!(Host::canonical(given).unwrap().as_str(), canonical);
        }
        for good in ["localhost", "a-b.c", "_dmarc.example.com", "r3---sn-x.example", "0xg.com", "1.a"] {
            assert_eq!(Host::parse(good).unwrap().as_str(), good);
        }
        assert!(Host::parse(&"x".repeat(63)).is_ok());
    }

    #[test]
    fn containment_is_by_label_and_not_by_suffix() {
        let host = |text| Host::parse(text).unwrap();
        assert!(!host("notexample.com").is_within(&host("example.com")));
        assert!(!host("com").is_within(&host("example.com")));
        assert!(host("a.b.example.com").is_within(&host("example.com")));
        assert!(host("example.com").is_within(&host("example.com")));
        let up: Vec<_> = host("a.example.com").ancestors().map(|h| h.to_string()).collect();
        assert_eq!(up, ["example.com", "com"]);
    }
}
